//! A virtual screen (Xvfb, which `setup.sh` installs), taken down when dropped, and what can be seen on it.

use std::{
    fs::File,
    io::{BufRead, BufReader},
    os::unix::fs::FileExt,
    process::{Child, Command, Stdio},
};

/// Width and height of the screen, pixels.
pub const SIZE: (usize, usize) = (1024, 700);

pub struct Screen {
    server: Child,
    /// For the environment variable DISPLAY.
    pub display: String,
    memory: tempfile::TempDir,
}

impl Screen {
    pub fn open() -> Self {
        let memory = tempfile::tempdir().unwrap();
        // Xvfb picks a free display itself and writes its number to the pipe once it is ready.
        let mut server = Command::new("Xvfb")
            .args(["-displayfd", "1", "-nolisten", "tcp", "-screen", "0"])
            .arg(format!("{}x{}x24", SIZE.0, SIZE.1))
            .arg("-fbdir")
            .arg(memory.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("Xvfb is missing: run ./setup.sh");
        let mut line = String::new();
        let mut output = BufReader::new(server.stdout.take().unwrap());
        output.read_line(&mut line).unwrap();
        assert!(!line.trim().is_empty(), "Xvfb did not start");
        Self {
            server,
            display: format!(":{}", line.trim()),
            memory,
        }
    }

    /// The screen's own memory, to be read while programs draw.
    #[allow(dead_code, reason = "not every test looks at the screen")]
    pub fn pixels(&self) -> ScreenPixels {
        let file = File::open(self.memory.path().join("Xvfb_screen0")).unwrap();
        // An X window dump: a header of big-endian words, a colour table, then rows of blue, green, red, nothing.
        let word = |index: u64| {
            let mut bytes = [0; 4];
            file.read_exact_at(&mut bytes, index * 4).unwrap();
            u64::from(u32::from_be_bytes(bytes))
        };
        let (header, bits_per_pixel, row_bytes, colours) = (word(0), word(11), word(12), word(19));
        assert_eq!(bits_per_pixel, 32);
        ScreenPixels {
            start: header + colours * 12,
            row_bytes,
            file,
        }
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

#[allow(dead_code, reason = "not every test looks at the screen")]
pub struct ScreenPixels {
    file: File,
    start: u64,
    row_bytes: u64,
}

#[allow(dead_code, reason = "not every test looks at the screen")]
impl ScreenPixels {
    /// Red, green and blue of a row, from left to right.
    pub fn row(&self, y: u64) -> Vec<[u8; 3]> {
        let mut bytes = vec![0; SIZE.0 * 4];
        self.file
            .read_exact_at(&mut bytes, self.start + y * self.row_bytes)
            .unwrap();
        bytes.chunks_exact(4).map(|p| [p[2], p[1], p[0]]).collect()
    }
}
