//! Opening beneath a root, reading, measuring, listing, and writing into a sink.

use slipring_ring::{FileError, FileId, FileKind, FileStat, Listing, Op, OpKind, Outcome, Ring, Transfer};

use crate::receiving::pattern;
use crate::rig::Rig;
use crate::world::{LIMITS, ROOT, SINK, World};

fn open<W: World>(rig: &mut Rig<W>, path: &[u8]) -> Result<FileId, FileError> {
    let token = rig.submit(OpKind::Open, 0, Op::Open { root: ROOT, path });
    match rig.outcome_of(token) {
        Outcome::Opened(result) => result,
        other => panic!("{other:?}"),
    }
}

pub fn close<W: World>(rig: &mut Rig<W>, file: FileId) {
    let token = rig.submit(OpKind::CloseFile, 0, Op::CloseFile { file });
    assert!(matches!(rig.outcome_of(token), Outcome::Done));
}

/// Opens, measures and closes.
fn look<W: World>(rig: &mut Rig<W>, path: &[u8]) -> Result<FileStat, FileError> {
    let file = open(rig, path)?;
    let stat = rig.ring().measure(file);
    close(rig, file);
    stat
}

fn read<W: World>(rig: &mut Rig<W>, file: FileId, offset: u64, len: u32) -> Result<Vec<u8>, FileError> {
    let transfer = rig.ring().take_transfer().expect("a free transfer buffer");
    let token = rig.submit(OpKind::Read, 0, Op::Read { file, offset, len, transfer });
    let Outcome::Read(result, transfer) = rig.outcome_of(token) else { panic!("a read") };
    let bytes = result.map(|len| rig.ring().transfer_bytes(&transfer)[..len as usize].to_vec());
    rig.ring().return_transfer(transfer);
    bytes
}

/// Reads from `offset` until the file ends.
pub fn read_to_end<W: World>(rig: &mut Rig<W>, file: FileId, offset: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let more = read(rig, file, offset + bytes.len() as u64, LIMITS.transfer_bytes).expect("it can be read");
        if more.is_empty() {
            return bytes;
        }
        bytes.extend(more);
    }
}

fn list<W: World>(rig: &mut Rig<W>, file: FileId) -> Result<Box<Listing>, FileError> {
    let token = rig.submit(OpKind::List, 0, Op::List { file });
    match rig.outcome_of(token) {
        Outcome::Listed(result) => result,
        other => panic!("{other:?}"),
    }
}

/// A path, and the kind and size of what it opens.
type Case<'a> = (&'a [u8], Result<(FileKind, u64), FileError>);

pub fn a_path_opens_what_stands_there<W: World>() {
    let mut rig = Rig::<W>::new();
    rig.world.put_file("dir/file", b"twelve bytes");
    rig.world.put_link("dir/in", "file");
    rig.world.put_link("up", "dir/../dir");
    let too_long = vec![b'x'; 5000];
    let long_name = vec![b'x'; 300];
    let cases: [Case<'_>; 12] = [
        (b"dir/file", Ok((FileKind::Regular, 12))),
        (b"./dir//file", Ok((FileKind::Regular, 12))),
        (b"dir/../dir/file", Ok((FileKind::Regular, 12))),
        (b"dir/in", Ok((FileKind::Regular, 12))),
        (b"up/in", Ok((FileKind::Regular, 12))),
        (b"missing", Err(FileError::NotFound)),
        (b"missing/../dir", Err(FileError::NotFound)),
        (b"dir/file/", Err(FileError::NotFound)),
        (b"dir/file/more", Err(FileError::NotFound)),
        (b"with\0nul", Err(FileError::NotFound)),
        (&long_name, Err(FileError::NotFound)),
        (&too_long, Err(FileError::NotFound)),
    ];
    for (path, expected) in cases {
        let found = look(&mut rig, path).map(|stat| (stat.kind, stat.size));
        assert_eq!(found, expected, "{}", path.escape_ascii());
    }
    for path in [&b""[..], b"dir", b"dir/", b"up"] {
        let kind = look(&mut rig, path).map(|stat| stat.kind);
        assert_eq!(kind, Ok(FileKind::Directory), "{}", path.escape_ascii());
    }
    rig.finish();
}

pub fn a_path_never_leaves_its_root<W: World>() {
    let mut rig = Rig::<W>::new();
    rig.world.put_secret();
    rig.world.put_file("dir/file", b"x");
    rig.world.put_link("out", "../secret");
    rig.world.put_link("dir/far", "../../secret");
    rig.world.put_link("absolute", "/etc/passwd");
    rig.world.put_link("chain", "out");
    let outside: [&[u8]; 8] =
        [b"..", b"../secret", b"dir/../../secret", b"/etc/passwd", b"out", b"dir/far", b"absolute", b"chain"];
    for path in outside {
        assert_eq!(look(&mut rig, path), Err(FileError::OutsideRoot), "{}", path.escape_ascii());
    }
    rig.finish();
}

/// A FIFO without a writer does not hold up an open, and says what it is when it is measured.
pub fn what_is_no_file_opens_at_once<W: World>() {
    let mut rig = Rig::<W>::new();
    rig.world.put_fifo("fifo");
    rig.world.put_socket("socket");
    rig.world.put_link("circle", "circle");
    assert_eq!(look(&mut rig, b"fifo").map(|stat| stat.kind), Ok(FileKind::Other));
    for path in [&b"socket"[..], b"circle"] {
        assert_eq!(look(&mut rig, path), Err(FileError::NotServable), "{}", path.escape_ascii());
    }
    rig.finish();
}

pub fn reading_ends_at_the_end_of_the_file<W: World>() {
    let mut rig = Rig::<W>::new();
    let content = pattern(150_000);
    rig.world.put_file("file", &content);
    let file = open(&mut rig, b"file").expect("it is there");
    assert!(read_to_end(&mut rig, file, 0) == content);
    assert!(read_to_end(&mut rig, file, 149_990) == content[149_990..]);
    assert_eq!(read(&mut rig, file, 150_000, 10), Ok(Vec::new()));
    assert_eq!(read(&mut rig, file, 1 << 40, 10), Ok(Vec::new()));
    assert_eq!(read(&mut rig, file, 8, 4), Ok(content[8..12].to_vec()));
    close(&mut rig, file);
    let directory = open(&mut rig, b"").expect("the root");
    assert_eq!(read(&mut rig, directory, 0, 10), Err(FileError::Io(libc::EISDIR)));
    close(&mut rig, directory);
    rig.finish();
}

/// An open descriptor shows what the file is now: its size and what can be read.
pub fn a_file_that_shrinks_reads_shorter<W: World>() {
    let mut rig = Rig::<W>::new();
    rig.world.put_file("file", &pattern(10_000));
    let file = open(&mut rig, b"file").expect("it is there");
    let before = rig.ring().measure(file).expect("it is open");
    rig.world.resize("file", 100);
    let after = rig.ring().measure(file).expect("it is open");
    assert_eq!((before.size, after.size, before.inode, before.device), (10_000, 100, after.inode, after.device));
    assert_eq!(read(&mut rig, file, 100, 1000), Ok(Vec::new()));
    assert_eq!(read(&mut rig, file, 0, 1000), Ok(pattern(100)));
    rig.world.put_file("file", b"another");
    assert_eq!(rig.ring().measure(file).expect("it is open").size, 100, "a rename leaves the open file alone");
    let stat = look(&mut rig, b"file").expect("it is there");
    assert!(stat.size == 7 && stat.inode != before.inode);
    close(&mut rig, file);
    rig.finish();
}

pub fn a_directory_lists_what_it_holds<W: World>() {
    let mut rig = Rig::<W>::new();
    rig.world.put_file("file", b"123");
    rig.world.put_file("dir/deep", b"");
    rig.world.put_link("to-dir", "dir");
    rig.world.put_link("to-file", "file");
    rig.world.put_link("to-nothing", "missing");
    rig.world.put_fifo("fifo");
    let root = open(&mut rig, b"").expect("the root");
    for _ in 0..2 {
        let mut listing = list(&mut rig, root).expect("it is a directory");
        listing.entries.sort_by(|one, other| one.name.cmp(&other.name));
        let entries: Vec<_> =
            listing.entries.iter().map(|entry| (&entry.name[..], entry.kind, entry.link_to_directory)).collect();
        let expected: [(&[u8], FileKind, bool); 6] = [
            (b"dir", FileKind::Directory, false),
            (b"fifo", FileKind::Other, false),
            (b"file", FileKind::Regular, false),
            (b"to-dir", FileKind::Link, true),
            (b"to-file", FileKind::Link, false),
            (b"to-nothing", FileKind::Link, false),
        ];
        assert_eq!(entries, expected);
        assert!(!listing.truncated && listing.entries[2].size == 3);
    }
    close(&mut rig, root);
    let file = open(&mut rig, b"file").expect("it is there");
    assert_eq!(list(&mut rig, file), Err(FileError::NotFound));
    close(&mut rig, file);
    rig.finish();
}

pub fn a_root_moves_when_it_is_refreshed<W: World>() {
    let mut rig = Rig::<W>::new();
    rig.world.put_file("old", b"old");
    rig.ring().refresh_roots();
    assert!(look(&mut rig, b"old").is_ok());
    rig.world.move_root();
    assert!(look(&mut rig, b"old").is_ok(), "until it is refreshed the root is the directory that was opened");
    rig.ring().refresh_roots();
    assert_eq!(look(&mut rig, b"old"), Err(FileError::NotFound));
    assert!(look(&mut rig, b"new").is_ok());
    rig.finish();
}

pub fn a_sink_takes_writes_in_order<W: World>() {
    let mut rig = Rig::<W>::new();
    let line = b"padding: a line of the log\n";
    for _ in 0..3 {
        let transfer = rig.ring().take_transfer().expect("a free transfer buffer");
        write_to_sink(&mut rig, transfer, line, 9);
    }
    assert_eq!(rig.world.sink(), line[9..].repeat(3));
    rig.finish();
}

/// Both buffers for sinks, whole, each full of a byte of its own.
pub fn a_sink_takes_its_own_buffers_whole<W: World>() {
    let mut rig = Rig::<W>::new();
    let bytes = [b'a', b'b'].map(|byte| vec![byte; LIMITS.sink_buffer_bytes as usize]);
    for bytes in &bytes {
        let transfer = rig.ring().take_sink_buffer().expect("a free buffer for a sink");
        assert_eq!(rig.ring().transfer_bytes(&transfer).len(), bytes.len());
        write_to_sink(&mut rig, transfer, bytes, 0);
    }
    assert!(rig.world.sink() == bytes.concat(), "every byte in its place");
    rig.finish();
}

/// Writes what stands behind `start`, in as many pieces as it takes.
fn write_to_sink<W: World>(rig: &mut Rig<W>, mut transfer: Transfer, bytes: &[u8], mut start: u32) {
    rig.ring().transfer_bytes_mut(&mut transfer)[..bytes.len()].copy_from_slice(bytes);
    while start < bytes.len() as u32 {
        let op = Op::Write { sink: SINK, transfer, start, end: bytes.len() as u32 };
        let token = rig.submit(OpKind::Write, 0, op);
        let Outcome::Written(result, back) = rig.outcome_of(token) else { panic!("a write") };
        start += result.expect("the disk has room");
        transfer = back;
    }
    rig.ring().return_transfer(transfer);
}
