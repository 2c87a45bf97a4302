//! Address blocks (`10.0.0.0/16`) and ports.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::str::FromStr;

use super::{Unit, UnitError, text_form};

/// An IPv4 block in CIDR notation, with no bit set behind the prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cidr {
    pub address: Ipv4Addr,
    /// 0 to 32.
    pub prefix: u8,
}

impl Cidr {
    /// How many addresses the block holds.
    pub const fn addresses(self) -> u64 {
        1 << (32 - self.prefix)
    }

    /// Whether `other` lies wholly inside.
    pub fn contains(self, other: Self) -> bool {
        other.prefix >= self.prefix && mask(other.address, self.prefix) == self.address
    }

    /// The `index`th block of length `prefix` inside, as for subnets; `None` where it doesn't fit.
    pub fn subnet(self, prefix: u8, index: u32) -> Option<Self> {
        let fits = prefix >= self.prefix && prefix <= 32 && u64::from(index) < 1 << (prefix - self.prefix);
        let offset = fits.then(|| u64::from(index) << (32 - prefix))?;
        let address = Ipv4Addr::from(u32::try_from(u64::from(u32::from(self.address)) + offset).ok()?);
        Some(Self { address, prefix })
    }
}

fn mask(address: Ipv4Addr, prefix: u8) -> Ipv4Addr {
    let bits = u32::MAX.checked_shl(32 - u32::from(prefix)).unwrap_or(0);
    Ipv4Addr::from(u32::from(address) & bits)
}

impl Unit for Cidr {
    const FORMAT: &'static str = "vvbill-cidr";
    const PATTERN: &'static str = r"^([0-9]{1,3}\.){3}[0-9]{1,3}/[0-9]{1,2}$";
    const EXAMPLES: &'static [&'static str] = &["10.0.0.0/16", "0.0.0.0/0"];
    const ABOUT: &'static str = "an IPv4 block: 10.0.0.0/16";
}

impl FromStr for Cidr {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let block = text.trim().split_once('/').and_then(|(address, prefix)| {
            let prefix: u8 = prefix.parse().ok().filter(|prefix| *prefix <= 32)?;
            Some(Self {
                address: address.parse().ok()?,
                prefix,
            })
        });
        let Some(block) = block else {
            return Err(UnitError::new(
                format!("`{text}` is not an address block"),
                format!("write {}", Self::ABOUT),
            ));
        };
        let start = mask(block.address, block.prefix);
        if start != block.address {
            return Err(UnitError::new(
                format!("`{text}` has bits set behind its prefix"),
                format!("write `{start}/{}`", block.prefix),
            ));
        }
        Ok(block)
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

text_form!(Cidr);

/// A TCP port, 1 to 65535.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Port(u16);

impl Port {
    /// `None` for 0.
    pub const fn new(number: u16) -> Option<Self> {
        if number == 0 { None } else { Some(Self(number)) }
    }

    pub const fn get(self) -> u16 {
        self.0
    }

    /// A port that the program itself names.
    ///
    /// # Panics
    /// For 0, at compile time where it is a constant.
    pub(crate) const fn known(number: u16) -> Self {
        assert!(number != 0, "a port is never 0");
        Self(number)
    }
}

impl Unit for Port {
    const FORMAT: &'static str = "vvbill-port";
    const PATTERN: &'static str = "^[0-9]{1,5}$";
    const EXAMPLES: &'static [&'static str] = &["8000", "6379"];
    const ABOUT: &'static str = "a number from 1 to 65535";
    const BARE_NUMBER: bool = true;
}

impl FromStr for Port {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let digits = text.trim();
        let number = digits
            .parse()
            .ok()
            .filter(|_| digits.bytes().all(|b| b.is_ascii_digit()));
        number.and_then(Self::new).ok_or_else(|| {
            UnitError::new(
                format!("`{text}` is not a port"),
                format!("write {}", Self::ABOUT),
            )
        })
    }
}

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

text_form!(Port);

/// An address that only this machine can reach: `127.0.0.1` and its like, or `::1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LoopbackAddress(IpAddr);

impl LoopbackAddress {
    pub const fn get(self) -> IpAddr {
        self.0
    }
}

impl Default for LoopbackAddress {
    /// 127.0.0.1
    fn default() -> Self {
        Self(IpAddr::V4(Ipv4Addr::LOCALHOST))
    }
}

impl Unit for LoopbackAddress {
    const FORMAT: &'static str = "vvbill-loopback";
    const PATTERN: &'static str = r"^(127(\.[0-9]{1,3}){3}|::1)$";
    const EXAMPLES: &'static [&'static str] = &["127.0.0.1", "::1"];
    const ABOUT: &'static str = "an address of the loopback interface: 127.0.0.1";
}

impl FromStr for LoopbackAddress {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let address: Option<IpAddr> = text.trim().parse().ok();
        address.filter(IpAddr::is_loopback).map(Self).ok_or_else(|| {
            UnitError::new(
                format!("`{text}` is no address that only this machine can reach"),
                format!("write {}", Self::ABOUT),
            )
        })
    }
}

impl fmt::Display for LoopbackAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

text_form!(LoopbackAddress);
