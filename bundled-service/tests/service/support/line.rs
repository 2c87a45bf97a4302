//! A line between the service and a server that can be cut, slowed, or lose what is sent over it.
//!
//! It stands on a port of its own. A connection that has lost something stays silent when the line is well again, as
//! one does whose other end, or a firewall between, has forgotten it: nobody is told.

use std::time::Duration;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    runtime::Runtime,
    sync::{mpsc, watch},
    time::Instant,
};

/// What the line does to what is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Pass,
    /// Every connection, old or new, is reset at once.
    Cut,
    /// So much later, each way.
    Delay(Duration),
    /// What is sent these ways is never delivered, and nobody is told. Lost both ways, it is half-open: connections are
    /// taken, and silent.
    Lost(Ways),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ways {
    Both,
    ToServer,
    ToClient,
}

pub(crate) const HALF_OPEN: Mode = Mode::Lost(Ways::Both);

impl Mode {
    fn loses(self, way: Ways) -> bool {
        matches!(self, Self::Lost(lost) if lost == Ways::Both || lost == way)
    }

    fn delay(self) -> Duration {
        match self {
            Self::Delay(delay) => delay,
            _ => Duration::ZERO,
        }
    }
}

/// A line to one server.
pub(crate) struct Line {
    port: u16,
    mode: watch::Sender<Mode>,
    _runtime: Runtime,
}

/// Chunks under way each way, at most.
const UNDER_WAY: usize = 256;

impl Line {
    /// To a port of this machine, whether or not a server listens there yet.
    pub(crate) fn to(server: u16) -> Self {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        let runtime = builder.worker_threads(1).enable_all().build().unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let port = listener.local_addr().unwrap().port();
        let (mode, receiver) = watch::channel(Mode::Pass);
        runtime.spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(carry(client, server, receiver.clone()));
            }
        });
        Self {
            port,
            mode,
            _runtime: runtime,
        }
    }

    pub(crate) fn set(&self, mode: Mode) {
        self.mode.send_replace(mode);
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }
}

/// One connection, until both ends have said all, or the line is cut.
async fn carry(client: TcpStream, server: u16, mut mode: watch::Receiver<Mode>) {
    if mode.borrow().loses(Ways::ToServer) {
        // The server never hears of it.
        let _ = mode.wait_for(|mode| *mode == Mode::Cut).await;
    }
    if *mode.borrow() == Mode::Cut {
        let _ = client.set_zero_linger();
        return;
    }
    let Ok(server) = TcpStream::connect(("127.0.0.1", server)).await else {
        let _ = client.set_zero_linger();
        return;
    };
    for end in [&client, &server] {
        let _ = end.set_nodelay(true);
    }
    let ((from_client, to_client), (from_server, to_server)) = (client.into_split(), server.into_split());
    let (said, answered) = (mode.clone(), mode.clone());
    let mut ends = [
        tokio::spawn(pump(from_client, to_server, said, Ways::ToServer)),
        tokio::spawn(pump(from_server, to_client, answered, Ways::ToClient)),
    ];
    let [there, back] = &mut ends;
    tokio::select! {
        _ = async { tokio::join!(there, back) } => {}
        _ = mode.wait_for(|mode| *mode == Mode::Cut) => {}
    }
    for end in &ends {
        end.abort();
    }
}

/// Ends in order when the sender has said all; dropped in the midst, both of its ends are reset.
async fn pump(from: OwnedReadHalf, to: OwnedWriteHalf, mode: watch::Receiver<Mode>, way: Ways) {
    let mut ends = Ends {
        from,
        to,
        in_order: false,
    };
    let (queue, mut due) = mpsc::channel::<(Instant, Vec<u8>)>(UNDER_WAY);
    let (from, to) = (&mut ends.from, &mut ends.to);
    let mut reading = mode.clone();
    let read = async move {
        let mut buffer = vec![0; 64 << 10];
        while let Some(Ok(count @ 1..)) = unless_lost(&mut reading, way, from.read(&mut buffer)).await {
            let at = Instant::now() + reading.borrow().delay();
            if queue.send((at, buffer[..count].to_vec())).await.is_err() {
                return;
            }
        }
    };
    let mut writing = mode;
    let write = async move {
        while let Some((at, bytes)) = due.recv().await {
            tokio::time::sleep_until(at).await;
            match unless_lost(&mut writing, way, to.write_all(&bytes)).await {
                Some(Ok(())) => {}
                _ => return,
            }
        }
        let _ = unless_lost(&mut writing, way, to.shutdown()).await;
    };
    tokio::join!(read, write);
    ends.in_order = true;
}

/// What `done` comes to; never returns once the line has lost something this way.
async fn unless_lost<T>(
    mode: &mut watch::Receiver<Mode>,
    way: Ways,
    done: impl Future<Output = T>,
) -> Option<T> {
    tokio::select! {
        biased;
        () = until_lost(mode, way) => std::future::pending().await,
        done = done => Some(done),
    }
}

async fn until_lost(mode: &mut watch::Receiver<Mode>, way: Ways) {
    // No sender: the line is taken down, and nothing of it is of interest any more.
    let _ = mode.wait_for(|mode| mode.loses(way)).await;
}

struct Ends {
    from: OwnedReadHalf,
    to: OwnedWriteHalf,
    in_order: bool,
}

impl Drop for Ends {
    fn drop(&mut self) {
        if !self.in_order {
            let _ = self.from.as_ref().set_zero_linger();
            let _ = self.to.as_ref().set_zero_linger();
        }
    }
}
