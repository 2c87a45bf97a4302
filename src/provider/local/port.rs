//! Whether a port of this machine is free, and if not, who holds it. Reads /proc; changes nothing.

use std::fs;
use std::net::{IpAddr, TcpListener};

use crate::provider::ProviderError;

/// An error that names the holder, when something listens on `port` of `host`.
pub(super) fn ensure_free(host: IpAddr, port: u16) -> Result<(), ProviderError> {
    let Err(why) = TcpListener::bind((host, port)) else {
        return Ok(());
    };
    let message = match holder(port) {
        Some(holder) => format!("port {port} is taken by {holder}"),
        None => format!("port {port} can't be used: {why}"),
    };
    Err(ProviderError::refused(message)
        .with_hint("end that process, or give the plan another port (section `local`, or `--set`)"))
}

/// Who holds a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Holder {
    Process(i32),
    /// One that this user may not look into.
    Hidden,
}

impl std::fmt::Display for Holder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Process(pid) => write!(f, "pid {pid} ({})", command_line(*pid)),
            Self::Hidden => f.write_str("a process of another user"),
        }
    }
}

/// Who holds `port`, as far as it may be seen; `None`: nobody.
pub(super) fn holder(port: u16) -> Option<Holder> {
    let sockets = sockets(port);
    if sockets.is_empty() {
        return None;
    }
    let found = fs::read_dir("/proc")
        .ok()?
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<i32>().ok())
        .find(|pid| has_open(*pid, &sockets));
    Some(found.map_or(Holder::Hidden, Holder::Process))
}

/// The sockets bound to `port`, listening ones first, as /proc/PID/fd names them.
fn sockets(port: u16) -> Vec<String> {
    let mut found: Vec<(bool, String)> = ["/proc/net/tcp", "/proc/net/tcp6"]
        .iter()
        .filter_map(|table| fs::read_to_string(table).ok())
        .flat_map(|table| {
            table
                .lines()
                .skip(1)
                .filter_map(|line| {
                    let fields: Vec<&str> = line.split_whitespace().collect();
                    let (_, local_port) = fields.get(1)?.rsplit_once(':')?;
                    let bound = u16::from_str_radix(local_port, 16).ok()? == port;
                    bound.then(|| Some((*fields.get(3)? != "0A", format!("socket:[{}]", fields.get(9)?))))?
                })
                .collect::<Vec<_>>()
        })
        .collect();
    found.sort();
    found.into_iter().map(|(_, socket)| socket).collect()
}

fn has_open(pid: i32, sockets: &[String]) -> bool {
    fs::read_dir(format!("/proc/{pid}/fd")).is_ok_and(|entries| {
        entries
            .filter_map(|entry| fs::read_link(entry.ok()?.path()).ok())
            .any(|target| sockets.iter().any(|socket| target.as_os_str() == socket.as_str()))
    })
}

fn command_line(pid: i32) -> String {
    let raw = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let text = String::from_utf8_lossy(&raw).replace('\0', " ");
    let text = text.trim();
    match text.char_indices().nth(120) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_string(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_taken_port_is_refused_with_the_name_of_its_holder() {
        let host = IpAddr::from([127, 0, 0, 1]);
        let listener = TcpListener::bind((host, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let error = ensure_free(host, port).unwrap_err();
        let myself = format!("pid {} ", std::process::id());
        assert!(error.message.contains(&myself), "{error}");
        drop(listener);
        assert!(ensure_free(host, port).is_ok());
    }
}
