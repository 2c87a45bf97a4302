//! Kubernetes versions of EKS and what a node leaves to pods.
//!
//! Versions: "Amazon EKS Kubernetes release calendar" (EKS user guide, "Understand the Kubernetes
//! version lifecycle on EKS"), read in November 2026. Reservations: the EKS AMIs' node
//! configuration (`kubeReserved`), the same for Amazon Linux 2 and 2023.

use jiff::civil::{Date, date};

use super::machine::Machine;

/// One minor version and the last days on which AWS supports it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Version {
    pub name: &'static str,
    /// After it a cluster is in extended support, at six times the price.
    pub standard_until: Date,
    /// After it no new cluster is accepted.
    pub extended_until: Date,
}

/// Oldest first.
pub(crate) const VERSIONS: &[Version] = &[
    version("1.24", date(2024, 1, 31), date(2025, 1, 31)),
    version("1.25", date(2024, 5, 1), date(2025, 5, 1)),
    version("1.26", date(2024, 6, 11), date(2025, 6, 11)),
    version("1.27", date(2024, 7, 24), date(2025, 7, 24)),
    version("1.28", date(2024, 11, 26), date(2025, 11, 26)),
    version("1.29", date(2025, 3, 23), date(2026, 3, 23)),
    version("1.30", date(2025, 7, 23), date(2026, 7, 23)),
    version("1.31", date(2025, 11, 26), date(2026, 11, 26)),
    version("1.32", date(2026, 3, 23), date(2027, 3, 23)),
    version("1.33", date(2026, 7, 29), date(2027, 7, 29)),
    version("1.34", date(2026, 12, 2), date(2027, 12, 2)),
    version("1.35", date(2027, 3, 27), date(2028, 3, 27)),
];

/// From this minor version on EKS builds no Amazon Linux 2 image.
pub(crate) const FIRST_WITHOUT_AMAZON_LINUX_2: u32 = 33;

const fn version(name: &'static str, standard_until: Date, extended_until: Date) -> Version {
    Version {
        name,
        standard_until,
        extended_until,
    }
}

/// The version called `name`, if the table has it.
pub(crate) fn find(name: &str) -> Option<&'static Version> {
    VERSIONS.iter().find(|version| version.name == name)
}

/// The minor number of `1.35`.
pub(crate) fn minor(name: &str) -> Option<u32> {
    name.strip_prefix("1.")?.parse().ok()
}

/// The newest version of the table: what a finding suggests.
pub(crate) fn newest() -> &'static Version {
    VERSIONS.last().expect("the table is not empty")
}

/// CPU that a node leaves to pods, in thousandths: 6 % of the first core, 1 % of the second, 0.5 %
/// of the next two and 0.25 % of the rest are the kubelet's. 4 vCPU leave 3,920.
pub(crate) fn allocatable_cpu_millis(machine: &Machine) -> u64 {
    let cores = u64::from(machine.vcpu);
    let per_core_tenths: u64 = (0..cores)
        .map(|core| match core {
            0 => 600,
            1 => 100,
            2 | 3 => 50,
            _ => 25,
        })
        .sum();
    cores * 1_000 - per_core_tenths / 10
}

/// Memory that a node leaves to pods at most, in MiB: 255 MiB and 11 MiB a possible pod are the
/// kubelet's, and at 100 MiB left it evicts. What the kernel keeps is not counted.
pub(crate) fn allocatable_memory_mib(machine: &Machine) -> u64 {
    machine
        .memory_mib
        .saturating_sub(255 + 11 * u64::from(machine.max_pods) + 100)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::rules::facts::machine;

    /// The figure that the specification's eight pods of three CPUs are judged by.
    #[test]
    fn four_cores_leave_3920_millis() {
        let xlarge = machine::ec2("m6i.xlarge").expect("in the table");
        assert_eq!(allocatable_cpu_millis(&xlarge), 3_920);
        assert_eq!(allocatable_memory_mib(&xlarge), 16_384 - 255 - 638 - 100);
        let large = machine::ec2("m6i.large").expect("in the table");
        assert_eq!(allocatable_cpu_millis(&large), 1_930);
    }

    /// A table in the wrong order would suggest an old version.
    #[test]
    fn versions_ascend() {
        assert!(
            VERSIONS
                .windows(2)
                .all(|pair| minor(pair[0].name).map(|it| it + 1) == minor(pair[1].name)
                    && pair[0].standard_until < pair[1].standard_until
                    && pair[0].extended_until < pair[1].extended_until)
        );
    }
}
