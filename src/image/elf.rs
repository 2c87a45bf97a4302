//! What a program needs of the image that it runs in, as its ELF header tells.

use oci_spec::image::Arch;

use super::ImageError;

const CLASS_64: u8 = 2;
const LITTLE_ENDIAN: u8 = 1;
const MACHINE_X86_64: u64 = 62;
const MACHINE_AARCH64: u64 = 183;
const SEGMENT_DYNAMIC: u64 = 2;
const SEGMENT_INTERPRETER: u64 = 3;
const DYNAMIC_NEEDED: u64 = 1;

/// The processor that `program` is for.
///
/// # Errors
/// When it is no program for 64-bit Linux, or needs a loader or libraries, which the image hasn't.
pub fn static_program(program: &[u8]) -> Result<Arch, ImageError> {
    let header = Header::of(program).ok_or_else(|| {
        ImageError::new("it is no program for 64-bit Linux")
            .with_hint("name the program itself, not a script or an archive")
    })?;
    let architecture = match header.machine {
        MACHINE_X86_64 => Arch::Amd64,
        MACHINE_AARCH64 => Arch::ARM64,
        other => {
            return Err(ImageError::new(format!(
                "it is for a processor that no node has (ELF machine {other})"
            ))
            .with_hint("build it for x86-64 or arm64"));
        }
    };
    if let Some(loader) = header.interpreter(program) {
        return Err(needs(&format!("the loader {loader}")));
    }
    match header.libraries(program) {
        0 => Ok(architecture),
        count => Err(needs(&format!("{count} shared libraries"))),
    }
}

fn needs(what: &str) -> ImageError {
    ImageError::new(format!(
        "it needs {what}, which an image without a distribution hasn't"
    ))
    .with_hint("`cargo xtask service-binary` builds one that needs nothing")
}

struct Header {
    machine: u64,
    segments: Vec<Segment>,
}

struct Segment {
    kind: u64,
    offset: usize,
    size: usize,
}

impl Header {
    /// `None` where the bytes are no 64-bit little-endian ELF or end too early.
    fn of(program: &[u8]) -> Option<Self> {
        if !program.starts_with(b"\x7fELF")
            || program.get(4) != Some(&CLASS_64)
            || program.get(5) != Some(&LITTLE_ENDIAN)
        {
            return None;
        }
        let table = number(program, 32, 8)?;
        let (each, count) = (number(program, 54, 2)?, number(program, 56, 2)?);
        let segment = |index: u64| {
            let start = usize::try_from(table.checked_add(index * each)?).ok()?;
            Some(Segment {
                kind: number(program, start, 4)?,
                offset: usize::try_from(number(program, start.checked_add(8)?, 8)?).ok()?,
                size: usize::try_from(number(program, start.checked_add(32)?, 8)?).ok()?,
            })
        };
        Some(Self {
            machine: number(program, 18, 2)?,
            segments: (0..count).map(segment).collect::<Option<_>>()?,
        })
    }

    fn content<'a>(&self, program: &'a [u8], kind: u64) -> Option<&'a [u8]> {
        let segment = self.segments.iter().find(|segment| segment.kind == kind)?;
        program.get(segment.offset..segment.offset.checked_add(segment.size)?)
    }

    fn interpreter(&self, program: &[u8]) -> Option<String> {
        let path = self.content(program, SEGMENT_INTERPRETER)?;
        Some(String::from_utf8_lossy(path).trim_end_matches('\0').to_owned())
    }

    fn libraries(&self, program: &[u8]) -> usize {
        let entries = self.content(program, SEGMENT_DYNAMIC).unwrap_or_default();
        let is_needed = |entry: &&[u8]| number(entry, 0, 8) == Some(DYNAMIC_NEEDED);
        entries.chunks_exact(16).filter(is_needed).count()
    }
}

fn number(bytes: &[u8], start: usize, length: usize) -> Option<u64> {
    let bytes = bytes.get(start..start.checked_add(length)?)?;
    Some(
        bytes
            .iter()
            .rev()
            .fold(0, |number, byte| (number << 8) | u64::from(*byte)),
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::static_program;

    /// Bytes of anybody must end in a message, never in a panic.
    #[test]
    fn what_is_cut_off_is_no_program() {
        let own = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        for length in (0..200).chain([1000, 4000]) {
            let _ = static_program(&own[..length]);
        }
        for length in [0, 3, 17, 40] {
            let why = static_program(&own[..length]).unwrap_err();
            assert_eq!(why.message, "it is no program for 64-bit Linux");
        }
        let mut far = own;
        far[32..40].fill(0xff);
        assert!(static_program(&far).is_err());
    }
}
