//! What a node runs at its first start: kernel settings and limits of the plan.

use crate::spec::{Limits, OperatingSystem};

const SYSCTL_FILE: &str = "/etc/sysctl.d/99-vvbill.conf";
const LIMITS_FILE: &str = "/etc/security/limits.d/99-vvbill.conf";

/// `None` where the plan sets nothing. EKS puts its own part in front of what it finds here, so that for Amazon
/// Linux it has to be a MIME archive, and for Bottlerocket settings in TOML.
pub(super) fn user_data(system: &OperatingSystem, bottlerocket: bool) -> Option<String> {
    match bottlerocket {
        true => settings(system),
        false => archive(system),
    }
}

fn archive(system: &OperatingSystem) -> Option<String> {
    let mut script = String::new();
    if !system.sysctl.is_empty() {
        let lines = system
            .sysctl
            .iter()
            .map(|(key, value)| format!("{key} = {value}\n"));
        script += &file(SYSCTL_FILE, &lines.collect::<String>());
        // One that the kernel doesn't know must not keep the others from being set, nor the node from joining.
        script += &format!("sysctl --ignore --load={SYSCTL_FILE} || true\n");
    }
    let limits = limits(&system.limits);
    if !limits.is_empty() {
        script += &file(LIMITS_FILE, &limits);
    }
    (!script.is_empty()).then(|| {
        format!(
            "MIME-Version: 1.0\n\
             Content-Type: multipart/mixed; boundary=\"==VVBILL==\"\n\
             \n\
             --==VVBILL==\n\
             Content-Type: text/x-shellscript; charset=\"us-ascii\"\n\
             \n\
             #!/bin/bash\n\
             {script}\
             \n\
             --==VVBILL==--\n"
        )
    })
}

fn file(path: &str, text: &str) -> String {
    format!("cat > {path} <<'END_OF_FILE'\n{text}END_OF_FILE\n")
}

fn limits(limits: &Limits) -> String {
    let line = |item: &str, value: Option<u64>| {
        value.map_or_else(String::new, |value| format!("* - {item} {value}\n"))
    };
    line("nofile", limits.open_files) + &line("nproc", limits.processes)
}

/// Bottlerocket has no shell and no limits of a login.
fn settings(system: &OperatingSystem) -> Option<String> {
    let quoted = |text: &str| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
    let lines: String = system
        .sysctl
        .iter()
        .map(|(key, value)| format!("{} = {}\n", quoted(key), quoted(value)))
        .collect();
    (!lines.is_empty()).then(|| format!("[settings.kernel.sysctl]\n{lines}"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn system() -> OperatingSystem {
        OperatingSystem {
            sysctl: [
                ("net.core.somaxconn".into(), "65535".into()),
                ("net.ipv4.ip_local_port_range".into(), "1024 65535".into()),
            ]
            .into(),
            ..OperatingSystem::default()
        }
    }

    #[test]
    fn amazon_linux_gets_a_script_in_a_mime_archive() {
        let text = user_data(&system(), false).unwrap();
        let (head, script) = text.split_once("#!/bin/bash\n").unwrap();
        assert!(
            head.starts_with(
                "MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=\"==VVBILL==\"\n\n--"
            )
        );
        assert_eq!(
            script,
            "cat > /etc/sysctl.d/99-vvbill.conf <<'END_OF_FILE'\n\
             net.core.somaxconn = 65535\n\
             net.ipv4.ip_local_port_range = 1024 65535\n\
             END_OF_FILE\n\
             sysctl --ignore --load=/etc/sysctl.d/99-vvbill.conf || true\n\
             \n\
             --==VVBILL==--\n"
        );
    }

    #[test]
    fn bottlerocket_gets_settings() {
        assert_eq!(
            user_data(&system(), true).unwrap(),
            "[settings.kernel.sysctl]\n\"net.core.somaxconn\" = \"65535\"\n\
             \"net.ipv4.ip_local_port_range\" = \"1024 65535\"\n"
        );
    }

    #[test]
    fn nothing_set_is_no_user_data() {
        assert_eq!(user_data(&OperatingSystem::default(), false), None);
        assert_eq!(user_data(&OperatingSystem::default(), true), None);
    }
}
