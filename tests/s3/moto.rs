//! moto's server: AWS as somebody else has written it. One for all tests of this binary.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

/// Serves until its standard input closes: it outlives no test binary, however that ends.
const SERVE: &str = "\
import sys
from moto.server import ThreadedMotoServer
server = ThreadedMotoServer(ip_address='127.0.0.1', port=0, verbose=False)
server.start()
print(server.get_host_and_port()[1], flush=True)
sys.stdin.read()
";

/// Its address.
pub fn address() -> SocketAddr {
    static SERVER: OnceLock<(Child, SocketAddr)> = OnceLock::new();
    SERVER.get_or_init(start).1
}

fn start() -> (Child, SocketAddr) {
    let python = folder().join("bin/python");
    assert!(
        python.is_file(),
        "moto is not installed in {}: `cargo xtask setup` installs it, and so does `cargo xtask test`",
        folder().display()
    );
    let mut child = Command::new(&python)
        .args(["-c", SERVE])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap_or_else(|error| panic!("{}: {error}", python.display()));
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    let port: u16 = line.trim().parse().unwrap_or_else(|_| {
        panic!(
            "moto did not start: run {} -c 'import moto.server'",
            python.display()
        )
    });
    (child, ([127, 0, 0, 1], port).into())
}

/// Where `cargo xtask` has put it.
fn folder() -> PathBuf {
    let set = |name| {
        std::env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    let cache = set("XDG_CACHE_HOME").or_else(|| set("HOME").map(|home| home.join(".cache")));
    cache.expect("HOME or XDG_CACHE_HOME is set").join("vvbill/moto")
}
