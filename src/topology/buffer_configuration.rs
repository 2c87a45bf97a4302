//! redis.conf and sentinel.conf of the write-behind buffer, as far as the plan decides them.
//!
//! Pure. Addresses, passwords and folders are added by whoever starts the servers.

use std::fmt::Write;

use crate::spec::Buffer;

/// The texts of the two files, without passwords.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BufferConfiguration {
    /// Of the master and its replicas alike.
    pub redis: String,
    /// Of each Sentinel; `None` where the plan has none.
    pub sentinel: Option<String>,
}

/// `master` is the host that Sentinels take for the master at first.
pub fn buffer_configuration(buffer: &Buffer, master: &str) -> BufferConfiguration {
    BufferConfiguration {
        redis: redis(buffer),
        sentinel: sentinel(buffer, master),
    }
}

fn redis(buffer: &Buffer) -> String {
    let mut lines: Vec<(&str, String)> = vec![
        ("port", buffer.port.to_string()),
        ("maxmemory", buffer.maxmemory.as_bytes().to_string()),
        ("maxmemory-policy", buffer.maxmemory_policy.name().into()),
    ];
    match buffer.save.as_slice() {
        [] => lines.push(("save", "\"\"".into())),
        points => lines.extend(
            points
                .iter()
                .map(|point| ("save", format!("{} {}", point.after.as_secs(), point.changes))),
        ),
    }
    lines.extend([
        ("appendonly", if buffer.appendonly { "yes" } else { "no" }.into()),
        ("appendfsync", buffer.appendfsync.name().into()),
        ("hz", buffer.hz.to_string()),
        (
            "slowlog-log-slower-than",
            buffer.slowlog_slower_than.as_micros().to_string(),
        ),
        ("slowlog-max-len", buffer.slowlog_max_len.to_string()),
        ("tcp-keepalive", buffer.tcp_keepalive.as_secs().to_string()),
        ("tcp-backlog", buffer.tcp_backlog.to_string()),
        ("databases", buffer.databases.to_string()),
        ("timeout", buffer.timeout.as_secs().to_string()),
    ]);
    lines.iter().fold(String::new(), |mut text, (name, value)| {
        let _ = writeln!(text, "{name} {value}");
        text
    })
}

fn sentinel(buffer: &Buffer, master: &str) -> Option<String> {
    let sentinel = buffer.sentinel.as_ref()?;
    let name = &sentinel.master_name;
    // Names are resolved from the line on that allows it, so that line comes first.
    Some(format!(
        "port {}\n\
         sentinel resolve-hostnames yes\n\
         sentinel announce-hostnames yes\n\
         sentinel monitor {name} {master} {} {}\n\
         sentinel down-after-milliseconds {name} {}\n\
         sentinel parallel-syncs {name} {}\n\
         sentinel failover-timeout {name} {}\n",
        sentinel.port,
        buffer.port,
        sentinel.quorum,
        sentinel.down_after.as_millis(),
        sentinel.parallel_syncs,
        sentinel.failover_timeout.as_millis(),
    ))
}
