//! Names of addresses, from whatever the system asks: `/etc/hosts`, DNS, and what else `nsswitch.conf` lists.

use std::ffi::CStr;
use std::io;
use std::mem::MaybeUninit;
use std::net::IpAddr;
use std::ptr;

use libc::{c_char, c_int, c_void, hostent, size_t, socklen_t};

unsafe extern "C" {
    /// As glibc and musl have it; the `libc` crate does not name it.
    fn gethostbyaddr_r(
        address: *const c_void,
        len: socklen_t,
        family: c_int,
        host: *mut hostent,
        buffer: *mut c_char,
        buffer_len: size_t,
        found: *mut *mut hostent,
        host_errno: *mut c_int,
    ) -> c_int;
}

/// Bytes of all names of a host to begin with, and at most.
const BUFFER_BYTES: usize = 1024;
const BUFFER_BYTES_MAX: usize = 64 * 1024;

/// The names of an address: the host's own first, then its aliases. It blocks for as long as the system's resolver takes
/// (with glibc's defaults 10 s a server that does not answer), so it is nothing for a shard's thread.
///
/// What the names say is up to who runs the address's reverse zone: they are not proved, and may hold any byte but NUL;
/// what is no UTF-8 is replaced.
///
/// # Errors
/// `NotFound` when the address has no name or nobody answers; else as `gethostbyaddr_r` says.
pub fn names_of(address: IpAddr) -> io::Result<Vec<String>> {
    let mut buffer: Vec<c_char> = vec![0; BUFFER_BYTES];
    loop {
        match ask(address, &mut buffer) {
            Err(error) if error.raw_os_error() == Some(libc::ERANGE) && buffer.len() < BUFFER_BYTES_MAX => {
                buffer.resize(buffer.len() * 4, 0);
            }
            answer => return answer,
        }
    }
}

fn ask(address: IpAddr, buffer: &mut [c_char]) -> io::Result<Vec<String>> {
    let (bytes, len, family) = match address {
        IpAddr::V4(v4) => (u128::from_ne_bytes(padded(v4.octets())), 4, libc::AF_INET),
        IpAddr::V6(v6) => (u128::from_ne_bytes(v6.octets()), 16, libc::AF_INET6),
    };
    let (mut host, mut found, mut host_errno) = (MaybeUninit::<hostent>::uninit(), ptr::null_mut(), 0);
    // SAFETY: the address is as long as it is said to be; host, buffer (with its own length), result and error are ours and
    // live through the call.
    let errno = unsafe {
        gethostbyaddr_r(
            (&raw const bytes).cast(),
            len,
            family,
            host.as_mut_ptr(),
            buffer.as_mut_ptr(),
            buffer.len(),
            &raw mut found,
            &raw mut host_errno,
        )
    };
    match errno {
        // SAFETY: a result that is not null is `host`, filled, whose strings lie in the buffer.
        0 if !found.is_null() => Ok(unsafe { names(&*found) }),
        0 => Err(io::ErrorKind::NotFound.into()),
        errno => Err(io::Error::from_raw_os_error(errno)),
    }
}

/// The names in a result.
///
/// # Safety
/// It is one that the system's resolver filled, and its buffer is still there.
unsafe fn names(host: &hostent) -> Vec<String> {
    // SAFETY: a name is null or ends with NUL.
    let name = |text: *const c_char| unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned();
    let mut names = Vec::new();
    if !host.h_name.is_null() {
        names.push(name(host.h_name));
    }
    let mut alias = host.h_aliases;
    // SAFETY: the list of aliases ends with a null pointer, behind which nothing is read.
    while !alias.is_null() && !unsafe { *alias }.is_null() {
        // SAFETY: as above; the next place of the list is there because this one is not its end.
        alias = unsafe {
            names.push(name(*alias));
            alias.add(1)
        };
    }
    names
}

fn padded(octets: [u8; 4]) -> [u8; 16] {
    let mut bytes = [0; 16];
    bytes[..4].copy_from_slice(&octets);
    bytes
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    /// `getent hosts` asks the same resolver: address, host name, aliases.
    #[test]
    fn names_are_those_of_getent() {
        for address in ["127.0.0.1", "::1"] {
            let Ok(told) = Command::new("getent").args(["hosts", address]).output() else {
                return println!("note: getent is not installed; there is nothing to compare with");
            };
            let told = String::from_utf8_lossy(&told.stdout).into_owned();
            let expected: Vec<&str> = told.lines().next().unwrap_or("").split_whitespace().skip(1).collect();
            let names = names_of(address.parse().expect("an address")).unwrap_or_default();
            assert_eq!(names, expected, "{address}");
        }
    }
}
