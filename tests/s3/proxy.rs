//! Between the store and moto: answers what S3 answers on a bad day, loses answers, delivers late, holds.
//!
//! It lets one request through at a time: moto compares and writes in two steps, S3 in one. And it compares
//! where moto doesn't: before a copy.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use crate::{moto, rig};

/// Rates per request, from 0 to 1.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    /// 503 SlowDown: nothing was done.
    pub slow_down: f64,
    /// 409 ConditionalRequestConflict: nothing was done.
    pub conflict: f64,
    /// 412 although the condition holds: nothing was done.
    pub refused: f64,
    /// The connection breaks: nothing was done.
    pub lost_call: f64,
    /// The connection breaks: it was done.
    pub lost_answer: f64,
    /// 500: it was done.
    pub failed_after: f64,
    /// 412: it was done, as when something on the way repeats a write by itself.
    pub refused_after: f64,
    /// The connection breaks, and it is done some milliseconds later.
    pub late: f64,
}

impl Faults {
    pub fn all(rate: f64) -> Self {
        Self {
            slow_down: rate,
            conflict: rate,
            refused: rate,
            lost_call: rate,
            lost_answer: rate,
            failed_after: rate,
            refused_after: rate,
            late: rate,
        }
    }
}

/// Holds a request for good.
#[derive(Clone, Copy, Debug)]
pub struct Hold {
    /// The how-manieth, counted from 0.
    pub at: usize,
    /// After it was carried out.
    pub after: bool,
}

pub struct Proxy {
    address: SocketAddr,
    inner: Arc<Inner>,
}

struct Inner {
    faults: Mutex<Faults>,
    random: Mutex<ChaCha8Rng>,
    /// `PUT /bucket/key`, in order, with the size of the body.
    requests: Mutex<Vec<(String, usize)>>,
    canned: Mutex<Option<(u16, &'static str)>>,
    hold: Mutex<Option<Hold>>,
    held: AtomicUsize,
}

/// One at a time, over all proxies of the binary.
static GATE: Mutex<()> = Mutex::new(());

impl Proxy {
    pub fn new(seed: u64) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let inner = Arc::new(Inner {
            faults: Mutex::default(),
            random: Mutex::new(rig::random(seed)),
            requests: Mutex::default(),
            canned: Mutex::default(),
            hold: Mutex::default(),
            held: AtomicUsize::new(0),
        });
        let serving = inner.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let inner = serving.clone();
                // Who hangs up has heard enough.
                std::thread::spawn(move || stream.and_then(|stream| inner.serve(stream)));
            }
        });
        Self { address, inner }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn set_faults(&self, faults: Faults) {
        *self.inner.faults.lock().unwrap() = faults;
    }

    /// Answers everything but the look for the bucket so, from now on.
    pub fn answer(&self, status: u16, code: &'static str) {
        *self.inner.canned.lock().unwrap() = Some((status, code));
    }

    pub fn hold(&self, hold: Hold) {
        *self.inner.hold.lock().unwrap() = Some(hold);
    }

    /// A request is held.
    pub fn holds(&self) -> bool {
        self.inner.held.load(Ordering::SeqCst) > 0
    }

    /// What was asked so far.
    pub fn requests(&self) -> Vec<(String, usize)> {
        self.inner.requests.lock().unwrap().clone()
    }
}

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fate {
    Pass,
    Answer(u16, &'static str),
    Drop,
    DoAndAnswer(u16, &'static str),
    DoAndDrop,
    DropAndDo,
}

impl Inner {
    fn serve(&self, mut client: TcpStream) -> io::Result<()> {
        let Some(request) = Request::read(&mut client)? else {
            return Ok(());
        };
        let number = {
            let mut requests = self.requests.lock().unwrap();
            requests.push((request.line(), request.body.len()));
            requests.len() - 1
        };
        let hold = self.hold.lock().unwrap().filter(|hold| hold.at == number);
        if let Some(hold) = hold {
            if hold.after {
                request.pass_on()?;
            }
            self.held.fetch_add(1, Ordering::SeqCst);
            loop {
                std::thread::park();
            }
        }
        match self.fate(&request) {
            Fate::Pass => client.write_all(&request.pass_on()?),
            Fate::Answer(status, code) => client.write_all(&error(status, code)),
            Fate::Drop => Ok(()),
            Fate::DoAndAnswer(status, code) => {
                request.pass_on()?;
                client.write_all(&error(status, code))
            }
            Fate::DoAndDrop => request.pass_on().map(drop),
            Fate::DropAndDo => {
                drop(client);
                let delay = self.random.lock().unwrap().random_range(1..60u64);
                std::thread::sleep(Duration::from_millis(delay));
                request.pass_on().map(drop)
            }
        }
    }

    fn fate(&self, request: &Request) -> Fate {
        let canned = *self.canned.lock().unwrap();
        if let Some((status, code)) = canned.filter(|_| !request.head.starts_with("HEAD")) {
            return Fate::Answer(status, code);
        }
        let faults = self.faults.lock().unwrap().clone();
        let conditional = request.has("if-match") || request.has("if-none-match");
        // A creation that S3 carries out long after its own repetition, and after the deletion of what it made,
        // leaves a lock: it ends with its lease, which no test waits for.
        let may_be_late = request.has("if-match");
        let fates = [
            (faults.slow_down, Fate::Answer(503, "SlowDown"), true),
            (
                faults.conflict,
                Fate::Answer(409, "ConditionalRequestConflict"),
                conditional,
            ),
            (
                faults.refused,
                Fate::Answer(412, "PreconditionFailed"),
                conditional,
            ),
            (faults.lost_call, Fate::Drop, true),
            (faults.lost_answer, Fate::DoAndDrop, true),
            (faults.failed_after, Fate::DoAndAnswer(500, "InternalError"), true),
            (
                faults.refused_after,
                Fate::DoAndAnswer(412, "PreconditionFailed"),
                conditional,
            ),
            (faults.late, Fate::DropAndDo, may_be_late),
        ];
        let mut left: f64 = self.random.lock().unwrap().random();
        for (rate, fate, fits) in fates {
            if left < rate {
                return if fits { fate } else { Fate::Pass };
            }
            left -= rate;
        }
        Fate::Pass
    }
}

struct Request {
    head: String,
    body: Vec<u8>,
}

impl Request {
    fn read(stream: &mut TcpStream) -> io::Result<Option<Self>> {
        let mut bytes = Vec::new();
        let mut part = [0; 16 * 1024];
        let end = loop {
            if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
                break end + 4;
            }
            match stream.read(&mut part)? {
                0 => return Ok(None),
                count => bytes.extend_from_slice(&part[..count]),
            }
        };
        let mut body = bytes.split_off(end);
        let request = Self {
            head: String::from_utf8(bytes).unwrap(),
            body: Vec::new(),
        };
        assert!(
            !request.has("transfer-encoding"),
            "bodies of known length only: {}",
            request.head
        );
        let length = request
            .header("content-length")
            .map_or(0, |text| text.parse().unwrap());
        while body.len() < length {
            match stream.read(&mut part)? {
                0 => return Ok(None),
                count => body.extend_from_slice(&part[..count]),
            }
        }
        Ok(Some(Self { body, ..request }))
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then_some(value.trim())
        })
    }

    fn has(&self, name: &str) -> bool {
        self.header(name).is_some()
    }

    /// Method and path.
    fn line(&self) -> String {
        let words: Vec<&str> = self.head.split(' ').take(2).collect();
        words.join(" ")
    }

    /// To moto; answers with its whole answer.
    fn pass_on(&self) -> io::Result<Vec<u8>> {
        let _one_at_a_time = GATE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let (Some(source), Some(expected)) = (
            self.header("x-amz-copy-source"),
            self.header("x-amz-copy-source-if-match"),
        ) {
            let source = source.trim_start_matches('/');
            // moto asks for a signature and doesn't look at it.
            let signature = self.header("authorization").unwrap_or_default();
            let look = format!(
                "HEAD /{source} HTTP/1.1\r\nHost: {}\r\nAuthorization: {signature}\r\n",
                moto::address()
            );
            let found = String::from_utf8_lossy(&exchange(&look, &[])?).to_ascii_lowercase();
            if found.split(' ').nth(1) == Some("200") && !found.contains(&expected.to_ascii_lowercase()) {
                return Ok(error(412, "PreconditionFailed"));
            }
        }
        let lines = self.head.trim_end().lines();
        let kept = lines.filter(|line| !line.to_ascii_lowercase().starts_with("connection:"));
        let mut head = kept.collect::<Vec<_>>().join("\r\n");
        head.push_str("\r\n");
        exchange(&head, &self.body)
    }
}

/// One request over a connection of its own.
fn exchange(head: &str, body: &[u8]) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(moto::address())?;
    stream.write_all(format!("{head}Connection: close\r\n\r\n").as_bytes())?;
    stream.write_all(body)?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    Ok(answer)
}

fn error(status: u16, code: &str) -> Vec<u8> {
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{code}</Code><Message>As the test has it.</Message></Error>"
    );
    format!(
        "HTTP/1.1 {status} As told\r\nContent-Type: application/xml\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}
