# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_pinkpoint_global_optspecs
    string join \n source= weights= device= cascade= smooth= settings= reset-settings send= max-fps= max-cpu= run-for= stats= stats-log= h/help V/version
end

function __fish_pinkpoint_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_pinkpoint_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_pinkpoint_using_subcommand
    set -l cmd (__fish_pinkpoint_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c pinkpoint -n "__fish_pinkpoint_needs_command" -l source -d 'Where pictures come from: camera, camera:N, camera:NAME, camera:=EXACT NAME, /dev/videoN, FILE, URL or demo [default: what was shown last, at first the first camera]' -r
complete -c pinkpoint -n "__fish_pinkpoint_needs_command" -l weights -d 'The net: a TorchScript file, or the name of a net that comes with the program [default: the one used last, at first pinkpoint]' -r
complete -c pinkpoint -n "__fish_pinkpoint_needs_command" -l device -d 'Where the net runs: auto, cpu, cuda or cuda:N' -r
complete -c pinkpoint -n "__fish_pinkpoint_needs_command" -l cascade -d 'The face cascade [default: the frontal one that comes with the program]' -r -F
complete -c pinkpoint -n "__fish_pinkpoint_needs_command" -l smooth -d 'How much the points are steadied, 0 (off) to 1 [default: as it was last, at first 0.5]' -r
complete -c pinkpoint -n "__fish_pinkpoint_needs_command" -l settings -d 'Keep settings in this file, and not in the user\'s own' -r -F
complete -c pinkpoint -n "__fish_pinkpoint_needs_command" -l send -d 'Send what is seen to another program as well: udp://HOST:PORT (JSON), osc://HOST:PORT, v4l2:/dev/videoN (a virtual camera), or - for JSON on standard output; may be given several times, and holds for this run' -r
complete -c pinkpoint -n "__fish_pinkpoint_needs_command" -l max-fps -d 'Take no more than so many frames a second' -r
complete -c pinkpoint -n "__fish_pinkpoint_needs_command" -l max-cpu -d 'Use no more than about this share of one core, in percent; frames are left out to keep to it' -r
complete -c pinkpoint -n "__fish_pinkpoint_needs_command" -l run-for -d 'Close the window after so many seconds; settings are neither used nor kept then, unless --settings names a file' -r
complete -c pinkpoint -n "__fish_pinkpoint_needs_command" -l stats -d 'Write counts, speeds and delays to this file when the window closes' -r -F
complete -c pinkpoint -n "__fish_pinkpoint_needs_command" -l stats-log -d 'Write speeds, delays and memory to this file every ten seconds' -r -F
complete -c pinkpoint -n "__fish_pinkpoint_needs_command" -l reset-settings -d 'Begin with everything as at first; the settings so far are kept under another name'
complete -c pinkpoint -n "__fish_pinkpoint_needs_command" -s h -l help -d 'Print help'
complete -c pinkpoint -n "__fish_pinkpoint_needs_command" -s V -l version -d 'Print version'
complete -c pinkpoint -n "__fish_pinkpoint_needs_command" -f -a "annotate" -d 'Draw keypoints into photographs and videos, and write them down'
complete -c pinkpoint -n "__fish_pinkpoint_needs_command" -f -a "cameras" -d 'List the cameras that can capture'
complete -c pinkpoint -n "__fish_pinkpoint_needs_command" -f -a "dataset" -d 'Say what is in a data set, what looks wrong with it, and draw a contact sheet'
complete -c pinkpoint -n "__fish_pinkpoint_needs_command" -f -a "evaluate" -d 'Measure a net against labelled pictures'
complete -c pinkpoint -n "__fish_pinkpoint_needs_command" -f -a "export" -d 'Make a weights file (TorchScript) of a training checkpoint'
complete -c pinkpoint -n "__fish_pinkpoint_needs_command" -f -a "follow" -d 'Follow faces without a window, and tell other programs where they are: a line of JSON a frame on standard output, or whatever --send asks for'
complete -c pinkpoint -n "__fish_pinkpoint_needs_command" -f -a "inspect" -d 'Look into a weights file'
complete -c pinkpoint -n "__fish_pinkpoint_needs_command" -f -a "report" -d 'Write a page about a training run'
complete -c pinkpoint -n "__fish_pinkpoint_needs_command" -f -a "scheme" -d 'List the point schemes, or print one as the JSON that --scheme takes'
complete -c pinkpoint -n "__fish_pinkpoint_needs_command" -f -a "train" -d 'Train a net on labelled pictures'
complete -c pinkpoint -n "__fish_pinkpoint_needs_command" -f -a "try-net" -d 'What is tried, and how'
complete -c pinkpoint -n "__fish_pinkpoint_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c pinkpoint -n "__fish_pinkpoint_using_subcommand annotate" -l out -d 'File (for one input file) or folder to write to; beside the inputs as NAME-points.EXT unless given, or nothing when --keypoints is given' -r -F
complete -c pinkpoint -n "__fish_pinkpoint_using_subcommand annotate" -l keypoints -d 'Write the keypoints, a row per face: .csv or .jsonl; called NAME.partial.EXT while it grows' -r -F
complete -c pinkpoint -n "__fish_pinkpoint_using_subcommand annotate" -l stats -d 'Write time per stage, CPU time and counts as JSON' -r -F
complete -c pinkpoint -n "__fish_pinkpoint_using_subcommand annotate" -l weights -d 'Weights file, or the name of a bundled net' -r
complete -c pinkpoint -n "__fish_pinkpoint_using_subcommand annotate" -l device -d 'Where the net runs: auto, cpu, cuda or cuda:N' -r
complete -c pinkpoint -n "__fish_pinkpoint_using_subcommand annotate" -l cascade -d 'Face cascade of OpenCV\'s to find faces with' -r -F
complete -c pinkpoint -n "__fish_pinkpoint_using_subcommand annotate" -l scale-factor -d 'How much larger each face size looked for is than the one before (1.1 for photographs, 1.2 for videos unless given)' -r
complete -c pinkpoint -n "__fish_pinkpoint_using_subcommand annotate" -l min-neighbours -d 'Overlapping finds that make a face: more gives fewer false faces (6 for photographs, 3 for videos unless given)' -r
complete -c pinkpoint -n "__fish_pinkpoint_using_subcommand annotate" -l min-size -d 'Smallest face as a fraction of the short side (0.02 for photographs, 0.03 for videos unless given)' -r
complete -c pinkpoint -n "__fish_pinkpoint_using_subcommand annotate" -l smooth -d 'How much the points of videos are steadied, 0 (off) to 1' -r
complete -c pinkpoint -n "__fish_pinkpoint_using_subcommand annotate" -l jobs -d 'Cores to use, all that the process may unless given: so many files are worked on at a time, a video by one worker; the results are the same' -r
complete -c pinkpoint -n "__fish_pinkpoint_using_subcommand annotate" -l shard -d 'Do only the I-th of N equal parts of the files, for runs on several machines' -r
complete -c pinkpoint -n "__fish_pinkpoint_using_subcommand annotate" -l resume -d 'Write down in this file what is finished, and leave out what it says is finished: the same command goes on after an interruption. One file per run or shard; refused once options or weights differ' -r -F
complete -c pinkpoint -n "__fish_pinkpoint_using_subcommand annotate" -l json -d 'Print the same as JSON, in place of its summary'
complete -c pinkpoint -n "__fish_pinkpoint_using_subcommand annotate" -l no-boxes -d 'Draw no face boxes'
complete -c pinkpoint -n "__fish_pinkpoint_using_subcommand annotate" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c pinkpoint -n "__fish_pinkpoint_using_subcommand cameras" -l try -d 'Take a picture in every format and size as well, and say what comes'
complete -c pinkpoint -n "__fish_pinkpoint_using_subcommand cameras" -l json -d 'Print what is known as JSON'
complete -c pinkpoint -n "__fish_pinkpoint_using_subcommand cameras" -s h -l help -d 'Print help'
complete -c pinkpoint -n "__fish_pinkpoint_using_subcommand dataset" -l scheme -d 'What the points are: ibug68, wflw98, kaggle15, five, unnamed, or a file (`pinkpoint scheme` prints them) [default: points.json beside the labels, else by their number and the columns\' names]' -r
complete -c pinkpoint -n "__fish_pinkpoint_using_subcommand dataset" -l sheet -d 'Contact sheet to write' -r -F
complete -c pinkpoint -n "__fish_pinkpoint_using_subcommand dataset" -l json -d 'Print what is known as JSON'
complete -c pinkpoint -n "__fish_pinkpoint_using_subcommand dataset" -s h -l help -d 'Print help'
complete -c pinkpoint -n "__fish_pinkpoint_using_subcommand evaluate" -l weights -d 'Weights file, or name of a bundled net' -r
complete -c pinkpoint -n "__fish_pinkpoint_using_subcommand evaluate" -l labels -d 'Labels: name,x0,y0,x1,y1,... in pixels' -r -F
complete -c pinkpoint -n "__fish_pinkpoint_using_subcommand evaluate" -l images -d 'Folder of the pictures' -r -F
complete -c pinkpoint -n "__fish_pinkpoint_using_subcommand evaluate" -l scheme -d 'What the points are: ibug68, wflw98, kaggle15, five, unnamed, or a file (`pinkpoint scheme` prints them) [default: as the net has it; where its file does not say, as points.json beside the labels or the columns\' names do]' -r
complete -c pinkpoint -n "__fish_pinkpoint_using_subcommand evaluate" -l boxes -d 'Where the face is known from [default: image for nets trained on whole pictures, else labels]' -r -f -a "image\t'Whole pictures'
labels\t'The labelled points'
detector\t'What is found'"
complete -c pinkpoint -n "__fish_pinkpoint_using_subcommand evaluate" -l names -d 'Score only the pictures named in this file, one a line; what follows a comma is a note' -r -F
complete -c pinkpoint -n "__fish_pinkpoint_using_subcommand evaluate" -l bias -d 'Score once more without the net\'s mean offset from such labels, point by point: learned from its --predictions for other pictures, labelled in --bias-labels' -r -F
complete -c pinkpoint -n "__fish_pinkpoint_using_subcommand evaluate" -l bias-labels -d 'See --bias' -r -F
complete -c pinkpoint -n "__fish_pinkpoint_using_subcommand evaluate" -l predictions -d 'Write every picture\'s keypoints: name,x0,y0,... in pixels' -r -F
complete -c pinkpoint -n "__fish_pinkpoint_using_subcommand evaluate" -l figures -d 'Write figures into this folder: predicted points pink, labelled ones green; best, median and worst' -r -F
complete -c pinkpoint -n "__fish_pinkpoint_using_subcommand evaluate" -l json -d 'Print the table as JSON, or write it to a file and print the table as well; shares and not percent' -r -F
complete -c pinkpoint -n "__fish_pinkpoint_using_subcommand evaluate" -l device -d 'Where the net runs: auto, cpu, cuda or cuda:N' -r
complete -c pinkpoint -n "__fish_pinkpoint_using_subcommand evaluate" -l cascade -d 'Another face cascade; with --boxes detector only' -r -F
complete -c pinkpoint -n "__fish_pinkpoint_using_subcommand evaluate" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c pinkpoint -n "__fish_pinkpoint_using_subcommand export" -l out -d 'Weights file to write; an older one is replaced' -r -F
complete -c pinkpoint -n "__fish_pinkpoint_using_subcommand export" -l name -d 'Name shown to people; the output\'s file name unless given' -r
complete -c pinkpoint -n "__fish_pinkpoint_using_subcommand export" -l half -d 'Store numbers in half precision: half the size, nearly the same points'
complete -c pinkpoint -n "__fish_pinkpoint_using_subcommand export" -l json -d 'Print what was written as JSON'
complete -c pinkpoint -n "__fish_pinkpoint_using_subcommand export" -s h -l help -d 'Print help'
complete -c pinkpoint -n "__fish_pinkpoint_using_subcommand follow" -l source -d 'Where pictures come from: camera, camera:N, camera:NAME, camera:=EXACT NAME, /dev/videoN, FILE, URL or demo' -r
complete -c pinkpoint -n "__fish_pinkpoint_using_subcommand follow" -l send -d 'To whom, instead of standard output: udp://HOST:PORT (JSON), osc://HOST:PORT, v4l2:/dev/videoN (a virtual camera), or - for standard output; may be given several times' -r
complete -c pinkpoint -n "__fish_pinkpoint_using_subcommand follow" -l weights -d 'The net: a TorchScript file, or the name of a net that comes with the program' -r
complete -c pinkpoint -n "__fish_pinkpoint_using_subcommand follow" -l device -d 'Where the net runs: auto, cpu, cuda or cuda:N' -r
complete -c pinkpoint -n "__fish_pinkpoint_using_subcommand follow" -l smooth -d 'How much the points are steadied, 0 (off) to 1' -r
complete -c pinkpoint -n "__fish_pinkpoint_using_subcommand follow" -l max-fps -d 'Take no more than so many frames a second' -r
complete -c pinkpoint -n "__fish_pinkpoint_using_subcommand follow" -l run-for -d 'End after so many seconds, counted from when the net is loaded' -r
complete -c pinkpoint -n "__fish_pinkpoint_using_subcommand follow" -l fast -d 'Take every frame of a file, as fast as they can be looked at, instead of keeping to its own speed'
complete -c pinkpoint -n "__fish_pinkpoint_using_subcommand follow" -s h -l help -d 'Print help'
complete -c pinkpoint -n "__fish_pinkpoint_using_subcommand inspect" -l out -l pictures -d 'Write figures to this folder: every convolution\'s filters and, with --image, every layer\'s maps, what the first filters make of the picture, and what a keypoint hangs on' -r -F
complete -c pinkpoint -n "__fish_pinkpoint_using_subcommand inspect" -l image -d 'Picture of a face to run the net on' -r -F
complete -c pinkpoint -n "__fish_pinkpoint_using_subcommand inspect" -l box -d 'The face in the picture, from the brows to the chin, in pixels; the largest face that is found unless given' -r
complete -c pinkpoint -n "__fish_pinkpoint_using_subcommand inspect" -l point -d 'Number of the keypoint of which the figures show what it hangs on; the first corner of an eye unless given' -r
complete -c pinkpoint -n "__fish_pinkpoint_using_subcommand inspect" -l json -d 'Print what is known as JSON'
complete -c pinkpoint -n "__fish_pinkpoint_using_subcommand inspect" -s h -l help -d 'Print help'
complete -c pinkpoint -n "__fish_pinkpoint_using_subcommand report" -l out -d 'Where to write the page [default: report.html in the run\'s folder]' -r -F
complete -c pinkpoint -n "__fish_pinkpoint_using_subcommand report" -l json -d 'Print the page\'s name as JSON instead of text'
complete -c pinkpoint -n "__fish_pinkpoint_using_subcommand report" -s h -l help -d 'Print help'
complete -c pinkpoint -n "__fish_pinkpoint_using_subcommand scheme" -l json -d 'Print all of them as JSON, by name; a single one is JSON anyway'
complete -c pinkpoint -n "__fish_pinkpoint_using_subcommand scheme" -s h -l help -d 'Print help'
complete -c pinkpoint -n "__fish_pinkpoint_using_subcommand train" -l data -d 'Folder of a data set: training_frames_keypoints.csv and training/, or keypoints.csv and images/; may be given again, and a set that is given twice counts double' -r -F
complete -c pinkpoint -n "__fish_pinkpoint_using_subcommand train" -l out -d 'Folder for the run: recipe, checkpoint, metrics, loss curve, weights' -r -F
complete -c pinkpoint -n "__fish_pinkpoint_using_subcommand train" -l resume -d 'Go on with this run; only --epochs, --data and --device can be given anew (another device rounds differently)' -r -F
complete -c pinkpoint -n "__fish_pinkpoint_using_subcommand train" -l epochs -d 'Passes over the training pictures [default: 3; of naimish 300, of pinkpoint 90]' -r
complete -c pinkpoint -n "__fish_pinkpoint_using_subcommand train" -l device -d 'Where to train: auto, cpu, cuda or cuda:N [default: auto; with --resume, where it began]' -r
complete -c pinkpoint -n "__fish_pinkpoint_using_subcommand train" -l preview -d 'Open the window on the net while it is trained; its net is renewed every ten seconds. SOURCE as `pinkpoint --source` takes it. Closing the window ends nothing, and the end of training leaves it open' -r
complete -c pinkpoint -n "__fish_pinkpoint_using_subcommand train" -l scheme -d 'What the points are: ibug68, wflw98, kaggle15, five, unnamed, or a file (`pinkpoint scheme` prints them) [default: points.json beside the labels, else by their number and the columns\' names]' -r
complete -c pinkpoint -n "__fish_pinkpoint_using_subcommand train" -l net -d 'The net' -r -f -a "course\t'Five convolutions and two linear layers, on whole pictures: the net of the course'
naimish\t'Four convolutions and three linear layers, on tight crops: the published net that the course\'s is modelled on'
pinkpoint\t'A small residual net on tight crops, which says how sure it is as well: the program\'s own'"
complete -c pinkpoint -n "__fish_pinkpoint_using_subcommand train" -l loss -d 'What is minimised [default: mse; of pinkpoint wing]' -r -f -a "mse\t'Mean squared error'
l1\t'Mean absolute error'
smooth-l1\t'Squared below 1, absolute above'
wing\t'Logarithmic for errors of up to 10 crop pixels, absolute above: small errors count for more'
soft-wing\t'Absolute for errors of up to 2 crop pixels, logarithmic above: neither tiny nor large errors count for much'"
complete -c pinkpoint -n "__fish_pinkpoint_using_subcommand train" -l optimiser -l optimizer -d 'How it is minimised [default: rmsprop; of naimish adam, of pinkpoint muon]' -r -f -a "rmsprop\t'RMSProp with PyTorch\'s defaults'
adam\t'Adam with PyTorch\'s defaults'
adamw\t'Adam with weight decay apart from the gradient'
muon\t'Kernels of convolutions by steps that go equally far in every direction, the rest by AdamW: fewer epochs'"
complete -c pinkpoint -n "__fish_pinkpoint_using_subcommand train" -l learning-rate -d 'Step size at the start [default: 1e-4; of naimish 1e-3, of pinkpoint 2e-3]' -r
complete -c pinkpoint -n "__fish_pinkpoint_using_subcommand train" -l schedule -d 'How the step size moves over the run [default: constant; of pinkpoint cosine]' -r -f -a "constant\t'It stays'
cosine\t'Half a cosine from the full rate down to a hundredth of it at the end of the last epoch'"
complete -c pinkpoint -n "__fish_pinkpoint_using_subcommand train" -l warm-up -d 'Share of the run in which the step size rises to its start [default: 0; of pinkpoint 0.02]' -r
complete -c pinkpoint -n "__fish_pinkpoint_using_subcommand train" -l weight-decay -d 'AdamW and Muon: how fast kernels shrink by themselves [default: 0; of pinkpoint 0.02]' -r
complete -c pinkpoint -n "__fish_pinkpoint_using_subcommand train" -l average -d 'Export the running average of the parameters, of which a step keeps this share; 0 exports their last values [default: 0; of pinkpoint 0.998]' -r
complete -c pinkpoint -n "__fish_pinkpoint_using_subcommand train" -l label-offsets -d 'Learn beside the net how each data set\'s labels are off in their own way; the first --data says where points lie [default: false; of pinkpoint true]' -r -f -a "true\t''
false\t''"
complete -c pinkpoint -n "__fish_pinkpoint_using_subcommand train" -l precision -d 'Numbers that a step is computed in; bf16 is for the net pinkpoint, and faster where the processor knows it' -r -f -a "single\t'32 bits'
bf16\t'Convolutions in bfloat16: twice as fast where the processor knows it, for nets that can'"
complete -c pinkpoint -n "__fish_pinkpoint_using_subcommand train" -l without -d 'Make training pictures without these, to see what each gives; naimish and pinkpoint have them all' -r -f -a "mirror\t'Half of the pictures mirrored'
light\t'Brighter, darker, other contrast'
blur\t'Out of focus'
coarse\t'Small pictures enlarged'
cut-out\t'A part hidden'
noise\t'A sensor\'s noise'
dim\t'Too little light'
jpeg\t'Saved as JPEG'"
complete -c pinkpoint -n "__fish_pinkpoint_using_subcommand train" -l batch -d 'Pictures a step [default: 16; of naimish 128, of pinkpoint 64]' -r
complete -c pinkpoint -n "__fish_pinkpoint_using_subcommand train" -l seed -d 'Start of all randomness' -r
complete -c pinkpoint -n "__fish_pinkpoint_using_subcommand train" -l threads -d 'CPU threads; on busy cores one is faster than two [default: all cores]' -r
complete -c pinkpoint -n "__fish_pinkpoint_using_subcommand train" -l validation -d 'Share of the persons held back for validation; 0 trains on all' -r
complete -c pinkpoint -n "__fish_pinkpoint_using_subcommand train" -l leave-out -d 'File of persons to leave out altogether, one a line; the name of a picture stands for the person on it, or for itself where names do not say who that is; what follows a comma is a note' -r -F
complete -c pinkpoint -n "__fish_pinkpoint_using_subcommand train" -l leave-out-pictures -d 'File of single pictures to leave out, one name a line; what follows a comma is a note' -r -F
complete -c pinkpoint -n "__fish_pinkpoint_using_subcommand train" -l json -d 'Print a JSON object for every step, for other programs, and nothing for people'
complete -c pinkpoint -n "__fish_pinkpoint_using_subcommand train" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c pinkpoint -n "__fish_pinkpoint_using_subcommand try-net" -l limits -d 'What it may use' -r
complete -c pinkpoint -n "__fish_pinkpoint_using_subcommand try-net" -l reading -d 'How its numbers are read' -r
complete -c pinkpoint -n "__fish_pinkpoint_using_subcommand try-net" -s h -l help -d 'Print help'
complete -c pinkpoint -n "__fish_pinkpoint_using_subcommand help; and not __fish_seen_subcommand_from annotate cameras dataset evaluate export follow inspect report scheme train try-net help" -f -a "annotate" -d 'Draw keypoints into photographs and videos, and write them down'
complete -c pinkpoint -n "__fish_pinkpoint_using_subcommand help; and not __fish_seen_subcommand_from annotate cameras dataset evaluate export follow inspect report scheme train try-net help" -f -a "cameras" -d 'List the cameras that can capture'
complete -c pinkpoint -n "__fish_pinkpoint_using_subcommand help; and not __fish_seen_subcommand_from annotate cameras dataset evaluate export follow inspect report scheme train try-net help" -f -a "dataset" -d 'Say what is in a data set, what looks wrong with it, and draw a contact sheet'
complete -c pinkpoint -n "__fish_pinkpoint_using_subcommand help; and not __fish_seen_subcommand_from annotate cameras dataset evaluate export follow inspect report scheme train try-net help" -f -a "evaluate" -d 'Measure a net against labelled pictures'
complete -c pinkpoint -n "__fish_pinkpoint_using_subcommand help; and not __fish_seen_subcommand_from annotate cameras dataset evaluate export follow inspect report scheme train try-net help" -f -a "export" -d 'Make a weights file (TorchScript) of a training checkpoint'
complete -c pinkpoint -n "__fish_pinkpoint_using_subcommand help; and not __fish_seen_subcommand_from annotate cameras dataset evaluate export follow inspect report scheme train try-net help" -f -a "follow" -d 'Follow faces without a window, and tell other programs where they are: a line of JSON a frame on standard output, or whatever --send asks for'
complete -c pinkpoint -n "__fish_pinkpoint_using_subcommand help; and not __fish_seen_subcommand_from annotate cameras dataset evaluate export follow inspect report scheme train try-net help" -f -a "inspect" -d 'Look into a weights file'
complete -c pinkpoint -n "__fish_pinkpoint_using_subcommand help; and not __fish_seen_subcommand_from annotate cameras dataset evaluate export follow inspect report scheme train try-net help" -f -a "report" -d 'Write a page about a training run'
complete -c pinkpoint -n "__fish_pinkpoint_using_subcommand help; and not __fish_seen_subcommand_from annotate cameras dataset evaluate export follow inspect report scheme train try-net help" -f -a "scheme" -d 'List the point schemes, or print one as the JSON that --scheme takes'
complete -c pinkpoint -n "__fish_pinkpoint_using_subcommand help; and not __fish_seen_subcommand_from annotate cameras dataset evaluate export follow inspect report scheme train try-net help" -f -a "train" -d 'Train a net on labelled pictures'
complete -c pinkpoint -n "__fish_pinkpoint_using_subcommand help; and not __fish_seen_subcommand_from annotate cameras dataset evaluate export follow inspect report scheme train try-net help" -f -a "try-net" -d 'What is tried, and how'
complete -c pinkpoint -n "__fish_pinkpoint_using_subcommand help; and not __fish_seen_subcommand_from annotate cameras dataset evaluate export follow inspect report scheme train try-net help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
