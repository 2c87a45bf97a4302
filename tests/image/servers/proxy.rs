//! Stands before a registry: counts requests, cuts connections, asks for tokens.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// What the proxy does with requests.
#[derive(Clone, Debug, Default)]
pub struct Manner {
    /// The connection ends when so much of a body has come.
    pub cut_after: Option<usize>,
    /// `Authorization` without which nothing is answered but where to get a token.
    pub token: Option<&'static str>,
    /// `Authorization` for which it gives the token.
    pub basic: Option<&'static str>,
}

pub struct Proxy {
    pub port: u16,
    manner: Arc<Mutex<Manner>>,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    /// Of the registry at that port.
    pub fn start(registry: u16, manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let proxy = Self {
            port: listener.local_addr().unwrap().port(),
            manner: Arc::new(Mutex::new(manner)),
            requests: Arc::default(),
        };
        let (manner, requests, own) = (proxy.manner.clone(), proxy.requests.clone(), proxy.port);
        // It ends with the test's process; it holds nothing but its port.
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let (manner, requests) = (manner.lock().unwrap().clone(), requests.clone());
                std::thread::spawn(move || serve(client, own, registry, &manner, &requests));
            }
        });
        proxy
    }

    pub fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    pub fn behave(&self, manner: Manner) {
        *self.manner.lock().unwrap() = manner;
    }

    /// First lines of the requests since the last time.
    pub fn requests(&self) -> Vec<String> {
        std::mem::take(&mut self.requests.lock().unwrap())
    }
}

/// One request a connection.
fn serve(mut client: TcpStream, own: u16, registry: u16, manner: &Manner, requests: &Mutex<Vec<String>>) {
    let Some(head) = head(&mut client) else { return };
    let first = head.lines().next().unwrap_or_default().to_owned();
    requests.lock().unwrap().push(first.clone());
    let field = |name: &str| {
        head.lines().skip(1).find_map(|line| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
        })
    };
    let length = field("content-length")
        .and_then(|text| text.parse().ok())
        .unwrap_or(0);
    assert!(
        field("transfer-encoding").is_none(),
        "a registry may not take chunks: {head}"
    );
    if let Some(token) = manner.token {
        let given = field("authorization");
        if first.starts_with("GET /token?") {
            let is_known = given.as_deref() == manner.basic;
            return answer(
                &mut client,
                is_known,
                &format!("{{\"token\": \"{}\"}}", &token[7..]),
            );
        }
        if given.as_deref() != Some(token) {
            let _ = write!(
                client,
                "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Bearer realm=\"http://127.0.0.1:{own}/token\",\
                 service=\"it\"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
            );
            return;
        }
    }
    let mut server = TcpStream::connect(("127.0.0.1", registry)).unwrap();
    let kept = head.lines().filter(|line| {
        let name = line.split(':').next().unwrap_or_default();
        !line.is_empty() && !["connection", "authorization"].contains(&name.to_ascii_lowercase().as_str())
    });
    let kept = kept.collect::<Vec<_>>().join("\r\n");
    server
        .write_all(format!("{kept}\r\nConnection: close\r\n\r\n").as_bytes())
        .unwrap();
    let passed = pass(
        &mut client,
        &mut server,
        length.min(manner.cut_after.unwrap_or(length)),
    );
    if passed < length {
        let _ = client.shutdown(Shutdown::Both);
        return;
    }
    let _ = std::io::copy(&mut server, &mut client);
    let _ = client.shutdown(Shutdown::Both);
}

fn head(client: &mut TcpStream) -> Option<String> {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        client.read_exact(&mut byte).ok()?;
        head.push(byte[0]);
    }
    String::from_utf8(head).ok()
}

fn pass(from: &mut TcpStream, to: &mut TcpStream, most: usize) -> usize {
    let copied = std::io::copy(&mut from.take(most as u64), to);
    copied.map_or(0, |count| usize::try_from(count).unwrap())
}

fn answer(client: &mut TcpStream, is_known: bool, body: &str) {
    let (status, body) = match is_known {
        true => ("200 OK", body),
        false => (
            "401 Unauthorized",
            "{\"errors\": [{\"message\": \"wrong name or password\"}]}",
        ),
    };
    let _ = write!(
        client,
        "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
}

/// Answers CONNECT for any name by a connection to that port of this machine.
#[cfg(feature = "aws")]
pub fn tunnel(port: u16) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let own = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for mut client in listener.incoming().flatten() {
            std::thread::spawn(move || {
                let Some(head) = head(&mut client) else { return };
                assert!(head.starts_with("CONNECT "), "{head}");
                let mut server = TcpStream::connect(("127.0.0.1", port)).unwrap();
                let _ = client.write_all(b"HTTP/1.1 200 OK\r\n\r\n");
                let (mut to, mut from) = (server.try_clone().unwrap(), client.try_clone().unwrap());
                std::thread::spawn(move || {
                    let _ = std::io::copy(&mut from, &mut to);
                    let _ = to.shutdown(Shutdown::Write);
                });
                let _ = std::io::copy(&mut server, &mut client);
                let _ = client.shutdown(Shutdown::Both);
            });
        }
    });
    own
}
