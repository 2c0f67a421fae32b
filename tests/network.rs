//! The real program, watched by strace (which `setup.sh` installs): it opens no connection but to an address that it was
//! given, and keeps nothing of what it sees unless it is asked to.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on has failed"
)]

mod screen;
mod stream;

use std::{
    net::UdpSocket,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use screen::Screen;
use serde_json::Value;
use tempfile::TempDir;

/// Far longer than the program takes on a busy machine: only a hang reaches it.
const LONGEST_SECONDS: &str = "240";

/// All ways to open a connection, to send without one, and to have the kernel do either out of strace's sight.
const WATCHED: &str = "trace=socket,connect,bind,listen,sendto,sendmsg,sendmmsg,io_uring_setup";

/// The desktop's sockets, the kernel's own, and none.
const LOCAL_FAMILIES: [&str; 3] = ["AF_UNIX", "AF_NETLINK", "AF_UNSPEC"];

/// What a run asked of the network, and what it left in the folder that it took for its user's home.
struct Run {
    trace: String,
    /// What the program said on its standard error.
    message: String,
    home: TempDir,
}

impl Run {
    /// Runs the program to its end.
    fn of(arguments: &[&str], display: &str) -> Self {
        let home = tempfile::tempdir().unwrap();
        let notes = tempfile::tempdir().unwrap();
        let trace = notes.path().join("trace");
        // `timeout` ends the whole group, strace with what it runs.
        let output = Command::new("timeout")
            .args(["--kill-after=5", LONGEST_SECONDS])
            .args([
                "strace",
                "--follow-forks",
                "--seccomp-bpf",
                "-s",
                "0",
                "-e",
                WATCHED,
                "-o",
            ])
            .arg(&trace)
            .arg(env!("CARGO_BIN_EXE_pinkpoint"))
            .args(arguments)
            .current_dir(home.path())
            .env_remove("WAYLAND_DISPLAY")
            .env_remove("WAYLAND_SOCKET")
            .env("DISPLAY", display)
            .env("HOME", home.path())
            .env("XDG_CONFIG_HOME", home.path().join("config"))
            .env("XDG_STATE_HOME", home.path().join("state"))
            .env("XDG_DATA_HOME", home.path().join("data"))
            .env("XDG_CACHE_HOME", home.path().join("cache"))
            .env("TMPDIR", home.path())
            // OpenGL's own cache has no frames in it.
            .env("MESA_SHADER_CACHE_DISABLE", "true")
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let message = String::from_utf8_lossy(&output.stderr).into_owned();
        let trace = std::fs::read_to_string(trace).unwrap_or_default();
        assert!(
            trace.contains("+++ ") && !message.contains("strace: ptrace"),
            "strace did not follow the program: {message}\n\
             Is it missing, run ./setup.sh. May it not trace, as in some containers, allow it (docker run --cap-add \
             SYS_PTRACE). Without it nobody knows what the program connects to, so this is no pass."
        );
        Self { trace, message, home }
    }

    fn succeeded(&self) -> bool {
        self.trace
            .lines()
            .last()
            .is_some_and(|line| line.ends_with("+++ exited with 0 +++"))
    }

    /// The calls that have to do with a network.
    fn network_calls(&self) -> Vec<&str> {
        let family = |line: &str, before: &str| {
            let (_, rest) = line.split_once(before)?;
            let end = rest
                .find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_')
                .unwrap_or(rest.len());
            Some(rest[..end].to_owned())
        };
        self.trace
            .lines()
            .filter(|line| {
                line.contains("io_uring_setup(")
                    || ["socket(", "sa_family="].iter().any(|before| {
                        family(line, before).is_some_and(|family| !LOCAL_FAMILIES.contains(&family.as_str()))
                    })
            })
            .collect()
    }

    /// Files that it keeps, but for the list of nets that were tried, which holds checksums.
    fn files_left(&self) -> Vec<PathBuf> {
        const TRIED: &str = "tried-nets.json";
        /// Far less than a picture.
        const LONGEST_LIST: u64 = 200;
        let mut left = Vec::new();
        let mut folders = vec![self.home.path().to_path_buf()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else if !path.ends_with(TRIED) || path.metadata().unwrap().len() > LONGEST_LIST {
                    left.push(path);
                }
            }
        }
        left
    }
}

/// A file that comes with the tests.
fn file(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(name);
    path.display().to_string()
}

/// Shows a source in the window for some seconds; the run and what it measured.
fn watch_window(source: &str) -> (Run, Value) {
    let screen = Screen::open();
    let folder = tempfile::tempdir().unwrap();
    let stats = folder.path().join("stats.json").display().to_string();
    let net = file("weights/steady-64.pt");
    let run = Run::of(
        &[
            "--source",
            source,
            "--weights",
            &net,
            "--device",
            "cpu",
            "--run-for",
            "4",
            "--stats",
            &stats,
        ],
        &screen.display,
    );
    assert!(run.succeeded(), "{}", run.message);
    let stats: Value = serde_json::from_slice(&std::fs::read(&stats).unwrap()).unwrap();
    assert!(stats["frames_shown"].as_u64().unwrap() > 0, "{stats}");
    (run, stats)
}

#[test]
fn the_window_opens_no_connection_and_keeps_nothing() {
    let (run, _) = watch_window("demo");
    // The screen's own socket shows that connections were seen.
    assert!(
        run.trace.contains("connect(") && run.trace.contains("AF_UNIX"),
        "{}",
        run.trace
    );
    assert_eq!(run.network_calls(), Vec::<&str>::new());
    assert_eq!(run.files_left(), Vec::<PathBuf>::new());
}

#[test]
fn a_stream_is_fetched_from_the_address_given_and_nothing_else() {
    let address = stream::mjpeg_server(2000);
    let (run, stats) = watch_window(&format!("http://{address}/video.mjpg"));
    assert!(
        stats["source"].as_str().unwrap().contains(&address.to_string()),
        "{stats}"
    );
    let port = format!("htons({})", address.port());
    let calls = run.network_calls();
    let (there, other): (Vec<&str>, Vec<&str>) = calls
        .into_iter()
        .filter(|call| !call.contains(" socket("))
        .partition(|call| call.contains(&port) && call.contains("\"127.0.0.1\""));
    assert!(
        there.iter().any(|call| call.contains("connect(")),
        "{}",
        run.trace
    );
    assert_eq!(other, Vec::<&str>::new());
    assert_eq!(run.files_left(), Vec::<PathBuf>::new());
}

#[test]
fn commands_open_no_connection() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().display().to_string();
    let [picture, film, net] = ["media/face.jpg", "media/face.mp4", "weights/steady-64.pt"].map(file);
    for arguments in [
        &["follow", "--source", &film, "--weights", &net, "--fast"][..],
        &["annotate", &picture, &film, "--weights", &net, "--out", &out],
        &["inspect", &net, "--image", &picture, "--out", &out],
        &["cameras"],
    ] {
        let run = Run::of(arguments, "");
        assert!(run.succeeded(), "{arguments:?}: {}", run.message);
        assert_eq!(run.network_calls(), Vec::<&str>::new(), "{arguments:?}");
        assert_eq!(run.files_left(), Vec::<PathBuf>::new(), "{arguments:?}");
    }
}

#[test]
fn what_is_sent_goes_to_the_addresses_given_and_nowhere_else() {
    let (json, osc) = (receiver(), receiver());
    let ports = [&json, &osc].map(|socket| socket.local_addr().unwrap().port());
    let [to_json, to_osc] = ["udp", "osc"].map(|kind| format!("{kind}://127.0.0.1:"));
    let (to_json, to_osc) = (format!("{to_json}{}", ports[0]), format!("{to_osc}{}", ports[1]));
    let net = file("weights/steady-64.pt");
    let run = Run::of(
        &[
            "follow",
            "--source",
            "demo",
            "--weights",
            &net,
            "--device",
            "cpu",
            "--run-for",
            "4",
            "--send",
            &to_json,
            "--send",
            &to_osc,
        ],
        "",
    );
    assert!(run.succeeded(), "{}", run.message);
    for socket in [json, osc] {
        assert!(socket.recv(&mut [0; 100]).is_ok(), "{}", run.message);
    }
    let ports = ports.map(|port| format!("htons({port})"));
    // A socket of its own number, before it is told whom it is for.
    let is_own =
        |call: &&str| call.contains(" socket(") || (call.contains("bind(") && call.contains("htons(0)"));
    let (there, other): (Vec<&str>, Vec<&str>) = run
        .network_calls()
        .into_iter()
        .filter(|call| !is_own(call))
        .partition(|call| call.contains("\"127.0.0.1\"") && ports.iter().any(|port| call.contains(port)));
    for port in &ports {
        assert!(
            there
                .iter()
                .any(|call| call.contains("connect(") && call.contains(port)),
            "{}",
            run.trace
        );
    }
    assert_eq!(other, Vec::<&str>::new());
    assert_eq!(run.files_left(), Vec::<PathBuf>::new());
}

/// A socket that something is sent to.
fn receiver() -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_nonblocking(true).unwrap();
    socket
}

/// FFmpeg knows files that name others to fetch; a letter beyond ASCII hides that they are text.
#[test]
fn a_file_cannot_have_the_program_fetch_others() {
    let folder = tempfile::tempdir().unwrap();
    let server = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = server.local_addr().unwrap();
    let port = address.port();
    let play_list = format!(
        "#EXTM3U\n#EXT-X-VERSION:3\n# \u{e9}\n#EXT-X-TARGETDURATION:2\n#EXTINF:2.0,\nhttp://{address}/film.ts\n\
         #EXT-X-ENDLIST\n"
    );
    let session = format!(
        "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=\u{e9}\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=video {port} RTP/AVP 96\r\n\
         a=rtpmap:96 H264/90000\r\n"
    );
    for (name, content) in [("play-list.mp4", play_list), ("session.mp4", session)] {
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        let points = folder.path().join("points.csv").display().to_string();
        let run = Run::of(
            &["annotate", &path.display().to_string(), "--keypoints", &points],
            "",
        );
        assert!(!run.succeeded(), "{name}");
        assert_eq!(run.network_calls(), Vec::<&str>::new(), "{name}");
    }
}
