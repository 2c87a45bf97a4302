//! Connections: how many, how long, and how they end when the service stops.

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use std::{pin::pin, sync::Arc, time::Duration};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Most header lines of a request, and most bytes of its head.
const MAX_HEADERS: usize = 64;
const MAX_HEAD_BYTES: usize = 16 * 1024;
const READ_BUFFER_BYTES: usize = 64 * 1024;
/// A connection is told to end at this age, so that a client that never reads its answers holds
/// none for ever, and clients spread over instances that were added later.
const MAX_AGE: Duration = Duration::from_secs(600);
/// Pause after the listener failed, mostly because there are no file descriptors left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    pub(super) connections: usize,
    /// Without a complete request head for this long, a connection is closed.
    pub(super) idle: Duration,
    /// How long requests may go on after `stop`.
    pub(super) drain: Duration,
}

/// Serves until `stop`, then waits for the requests that are under way.
pub(super) async fn run(listener: TcpListener, router: Router, bounds: Bounds, stop: CancellationToken) {
    let tracker = TaskTracker::new();
    let slots = Arc::new(Semaphore::new(bounds.connections));
    while let Some((stream, slot)) = stop.run_until_cancelled(accept(&listener, &slots)).await {
        tracker.spawn(serve(stream, router.clone(), bounds, stop.clone(), slot));
    }
    drop(listener);
    tracker.close();
    if timeout(bounds.drain, tracker.wait()).await.is_err() {
        tracing::warn!(
            connections = tracker.len(),
            "connections were cut off by the stop"
        );
    }
}

/// The next connection, once there is room for it: until then it waits in the backlog.
async fn accept(listener: &TcpListener, slots: &Arc<Semaphore>) -> (TcpStream, OwnedSemaphorePermit) {
    let slot = Arc::clone(slots)
        .acquire_owned()
        .await
        .expect("the semaphore is never closed");
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return (stream, slot),
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn serve(
    stream: TcpStream,
    router: Router,
    bounds: Bounds,
    stop: CancellationToken,
    _slot: OwnedSemaphorePermit,
) {
    // It only saves time; a socket that refuses it works all the same.
    let _ = stream.set_nodelay(true);
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(bounds.idle)
        .max_headers(MAX_HEADERS)
        .max_header_size(MAX_HEAD_BYTES)
        .max_buf_size(READ_BUFFER_BYTES)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => Some(ended),
        () = stop.cancelled() => None,
        () = tokio::time::sleep(MAX_AGE) => None,
    };
    let ended = match ended {
        Some(ended) => ended,
        None => {
            connection.as_mut().graceful_shutdown();
            match timeout(bounds.drain, connection).await {
                Ok(ended) => ended,
                Err(_elapsed) => return,
            }
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended early");
    }
}
