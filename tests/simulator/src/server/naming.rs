//! Whose phone scans a QR code when nobody says so: the one that belongs to the client's push name.
//!
//! A convention of WhatsApp's own test server, which lets tests written for that one run here: the same name is
//! the same phone, each registration its next device. Called by the control API.

use super::state::{Role, State};

/// The number and name of the phone for the device that shows this QR code, when it has told a name.
pub(crate) fn owner(state: &State, qr: &str) -> Option<(String, String)> {
    let reference = qr.trim().split(',').next()?;
    let link = state.qr_refs.get(reference)?;
    let Role::Candidate(candidate) = &state.links.get(link)?.role else {
        return None;
    };
    let name = candidate.push_name.clone().filter(|name| !name.is_empty())?;
    Some((number(&name), name))
}

/// The number that belongs to a name, always the same one.
pub(crate) fn number(name: &str) -> String {
    // FNV-1a: spread well enough, and the same on every machine.
    let hash = name.bytes().fold(0xCBF2_9CE4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3)
    });
    format!("1555{:07}", hash % 10_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_name_is_the_same_number_and_another_name_another() {
        assert_eq!(number("Ana"), number("Ana"));
        assert_ne!(number("Ana"), number("Ben"));
        assert_eq!(number("Ana").len(), 11);
    }
}
