#!/bin/sh
# Makes the clips and pictures of this folder with ffmpeg, exiftool and Python's Pillow. Run in this folder; not needed for the tests.
set -eu
portrait=../../assets/demo.jpg

# Frame n of 20 shows n in binary: five blocks from the left, the lowest bit first, white for one; the strip along the
# top is red. geq takes one expression per plane.
blocks="if(lt(Y,24),0,255*mod(floor(N/pow(2,floor(X/32))),2))"
ffmpeg -v error -y -f lavfi -i "color=black:s=160x120:r=20:d=1,format=gbrp,geq=g='$blocks':b='$blocks':r='if(lt(Y,24),255,255*mod(floor(N/pow(2,floor(X/32))),2))'" \
    -c:v libx264 -crf 18 -pix_fmt yuv420p -movflags +faststart count.mp4
# To be shown turned by a quarter clockwise.
ffmpeg -v error -y -i count.mp4 -c copy -metadata:s:v rotate=270 turned.mp4
# The first five frames at 0, 0.1, 0.4, 0.9 and 1.6 s.
ffmpeg -v error -y -i count.mp4 -frames:v 5 -vf "settb=1/1000,setpts=N*N*100" -vsync vfr -c:v libx264 -crf 18 -bf 0 \
    -video_track_timescale 1000 variable.mp4
# A face that moves sideways.
ffmpeg -v error -y -loop 1 -framerate 15 -i $portrait -frames:v 12 -vf "crop=280:240:80+4*n:16" \
    -c:v libx264 -crf 26 -pix_fmt yuv420p face.mp4
ffmpeg -v error -y -i $portrait -vf "crop=240:240:112:16" -q:v 3 face.jpg
# The same picture stored on its side, with the EXIF orientation that turns it upright (6: a quarter clockwise).
ffmpeg -v error -y -i $portrait -vf "crop=240:240:112:16,transpose=cclock" -q:v 3 turned.jpg
exiftool -q -overwrite_original -n -Orientation=6 turned.jpg
# What cameras seldom give.
python3 -c "from PIL import Image; Image.open('face.jpg').resize((60, 60)).convert('CMYK').save('cmyk.jpg', quality=90)"
ffmpeg -v error -y -i count.mp4 -frames:v 3 -vf scale=40:30 -c:v libwebp_anim -lossless 1 moving.webp
ffmpeg -v error -y -i count.mp4 -frames:v 3 -vf scale=40:30 -f apng moving.png
ffmpeg -v error -y -i count.mp4 -frames:v 0 none.mp4
ffmpeg -nostdin -v error -y -f lavfi -t 0.5 -i anullsrc=r=8000:cl=mono -i face.jpg -map 0:a -map 1:v -c:a libmp3lame -b:a 8k \
    -c:v mjpeg -q:v 20 -vf scale=32:32 -frames:v 1 -disposition:v:0 attached_pic song.mp3
