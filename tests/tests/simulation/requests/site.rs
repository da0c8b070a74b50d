//! Requests of a site of files.

use slipring_ring::sim::Random;

use super::refused::broken_head;
use super::{Request, What, get};
use crate::tree::FILES;

/// A random request of a site of files.
pub fn draw_of_site(random: &mut Random, last: bool) -> Request {
    match random.below(if last { 13 } else { 11 }) {
        0..=4 => site_file(random),
        5 => range(random),
        6 => site_page(random),
        7 => get(random, "/directory/inner", What::Inner),
        8 => get(random, "/", What::Directory),
        9 => {
            let number = random.below(FILES.len() as u64) as usize;
            let condition = "If-Modified-Since: Fri, 01 Jan 2100 00:00:00 GMT";
            let head = format!("GET /{} HTTP/1.1\r\nHost: x\r\n{condition}\r\n\r\n", FILES[number]);
            Request::new(head, What::NotModified(number))
        }
        10 => {
            let (line, status) = random.pick(&[("SPAM /small", 501), ("POST /small", 405), ("DELETE /", 405)]);
            Request::new(format!("{line} HTTP/1.1\r\nHost: x\r\n\r\n"), What::Page(status))
        }
        11 => {
            let number = random.below(FILES.len() as u64) as usize;
            Request::new(format!("GET /{} HTTP/1.0\r\n\r\n", FILES[number]), What::File(number)).closes()
        }
        _ => broken_head(random),
    }
}

fn site_file(random: &mut Random) -> Request {
    let number = random.below(FILES.len() as u64) as usize;
    get(random, &format!("/{}", FILES[number]), What::File(number))
}

fn site_page(random: &mut Random) -> Request {
    match random.below(4) {
        0 => get(random, "/nothing", What::Missing),
        1 => get(random, "/%2e%2e/secret", What::Page(400)),
        2 => get(random, "/directory/../../secret", What::Page(400)),
        _ => get(random, "/directory", What::Moved),
    }
}

fn range(random: &mut Random) -> Request {
    let number = random.below(FILES.len() as u64) as usize;
    let first = random.pick(&[0, 7, 1000, 30_000]);
    let most = random.pick(&[1, 100, 20_000]);
    let last = first + random.below(most) as usize;
    let head = format!("GET /{} HTTP/1.1\r\nHost: x\r\nRange: bytes={first}-{last}\r\n\r\n", FILES[number]);
    Request::new(head, What::Range(number, first, last))
}
