//! Instance types: how many vCPU, how much memory, how many pods.
//!
//! A type is a family (memory for each vCPU) and a size (vCPU, network interfaces). Sources: EC2's
//! "Instance type specifications", RDS's "Hardware specifications for DB instance classes for
//! Aurora", and `eni-max-pods.txt` of the EKS AMI for pods. Burstable types have figures of their own.

/// One machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Machine {
    pub vcpu: u32,
    pub memory_mib: u64,
    /// Addresses that the VPC CNI can give to pods, without prefix delegation.
    pub max_pods: u32,
    /// Whether it runs arm64 images.
    pub arm: bool,
}

/// Family, GiB of memory for each vCPU, arm64.
const FAMILIES: &[(&str, u64, bool)] = &[
    ("c5", 2, false),
    ("c6a", 2, false),
    ("c6g", 2, true),
    ("c6i", 2, false),
    ("c7a", 2, false),
    ("c7g", 2, true),
    ("c7i", 2, false),
    ("c8g", 2, true),
    ("m5", 4, false),
    ("m6a", 4, false),
    ("m6g", 4, true),
    ("m6i", 4, false),
    ("m7a", 4, false),
    ("m7g", 4, true),
    ("m7i", 4, false),
    ("m8g", 4, true),
    ("r5", 8, false),
    ("r6g", 8, true),
    ("r6i", 8, false),
    ("r7g", 8, true),
    ("r7i", 8, false),
    ("r8g", 8, true),
    ("x2g", 16, true),
];

/// Size, vCPU, pods.
const SIZES: &[(&str, u32, u32)] = &[
    ("large", 2, 29),
    ("xlarge", 4, 58),
    ("2xlarge", 8, 58),
    ("4xlarge", 16, 234),
    ("8xlarge", 32, 234),
    ("12xlarge", 48, 234),
    ("16xlarge", 64, 737),
    ("24xlarge", 96, 737),
];

/// Size of t3 and t4g, vCPU, MiB of memory, pods.
const BURSTABLE: &[(&str, u32, u64, u32)] = &[
    ("micro", 2, 1_024, 4),
    ("small", 2, 2_048, 11),
    ("medium", 2, 4_096, 17),
    ("large", 2, 8_192, 35),
    ("xlarge", 4, 16_384, 58),
    ("2xlarge", 8, 32_768, 58),
];

/// `m6i.xlarge` → 4 vCPU, 16 GiB, 58 pods; `None` for a type that the tables don't hold.
pub(crate) fn ec2(instance_type: &str) -> Option<Machine> {
    let (family, size) = instance_type.split_once('.')?;
    if matches!(family, "t3" | "t3a" | "t4g") {
        let (_, vcpu, memory_mib, max_pods) = *BURSTABLE.iter().find(|row| row.0 == size)?;
        return Some(Machine {
            vcpu,
            memory_mib,
            max_pods,
            arm: family == "t4g",
        });
    }
    let (_, gib_for_each_vcpu, arm) = *FAMILIES.iter().find(|row| row.0 == family)?;
    let (_, vcpu, max_pods) = *SIZES.iter().find(|row| row.0 == size)?;
    let memory_mib = u64::from(vcpu) * gib_for_each_vcpu * 1_024;
    Some(Machine {
        vcpu,
        memory_mib,
        max_pods,
        arm,
    })
}

/// `db.r6g.2xlarge` → 8 vCPU, 64 GiB.
pub(crate) fn database(instance_class: &str) -> Option<Machine> {
    ec2(instance_class.strip_prefix("db.")?)
}

/// The smallest size of `instance_class`'s family with at least that much.
pub(crate) fn database_with(instance_class: &str, vcpu: u32, memory_mib: u64) -> Option<String> {
    let (family, _) = instance_class.strip_prefix("db.")?.split_once('.')?;
    SIZES
        .iter()
        .map(|(size, ..)| format!("db.{family}.{size}"))
        .find(|class| database(class).is_some_and(|it| it.vcpu >= vcpu && it.memory_mib >= memory_mib))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The specification's own comments on its instance types are the reference.
    #[test]
    fn shapes_are_those_that_the_specification_names() {
        let app = ec2("m6i.xlarge").expect("known");
        assert_eq!((app.vcpu, app.memory_mib), (4, 16 * 1_024));
        let shard = database("db.r6g.2xlarge").expect("known");
        assert_eq!((shard.vcpu, shard.memory_mib), (8, 64 * 1_024));
        assert_eq!(
            database_with("db.r6g.2xlarge", 16, 64 * 1_024).as_deref(),
            Some("db.r6g.4xlarge")
        );
        assert_eq!(ec2("m6i.nano"), None);
    }
}
