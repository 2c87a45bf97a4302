//! What `vvbill render` writes, judged by the programs that read it.

#![allow(clippy::unwrap_used)]

#[path = "render/check.rs"]
mod check;
#[path = "render/compose.rs"]
mod compose;
#[path = "render/eksctl.rs"]
mod eksctl;
#[path = "render/figures.rs"]
mod figures;
#[path = "render/grafana.rs"]
mod grafana;
#[path = "render/kubernetes.rs"]
mod kubernetes;
#[path = "render/plans.rs"]
mod plans;
#[path = "render/servers/mod.rs"]
mod servers;
#[path = "render/sysctl.rs"]
mod sysctl;
#[path = "render/terraform.rs"]
mod terraform;
#[path = "render/yaml.rs"]
mod yaml;
