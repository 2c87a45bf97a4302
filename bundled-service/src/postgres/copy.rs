//! Rows by `COPY … (FORMAT binary)`: they are packed already, so this only frames them.

use crate::batch::{Batch, COLUMNS};
use bytes::Bytes;
use futures::SinkExt;
use std::{pin::pin, sync::LazyLock};
use tokio_postgres::Transaction;

static STATEMENT: LazyLock<String> =
    LazyLock::new(|| format!("copy events ({COLUMNS}) from stdin (format binary)"));
/// Signature, flags, and the length of the header's extension.
const HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
const TRAILER: &[u8] = &[0xff, 0xff];

/// Copies every row that is no suspect.
pub(super) async fn copy(transaction: &Transaction<'_>, batch: &Batch) -> Result<(), tokio_postgres::Error> {
    let slices = batch.unsuspected();
    if slices.is_empty() {
        return Ok(());
    }
    let mut sink = pin!(transaction.copy_in::<_, Bytes>(STATEMENT.as_str()).await?);
    sink.feed(Bytes::from_static(HEADER)).await?;
    for slice in slices {
        sink.feed(slice).await?;
    }
    sink.feed(Bytes::from_static(TRAILER)).await?;
    sink.finish().await?;
    Ok(())
}
