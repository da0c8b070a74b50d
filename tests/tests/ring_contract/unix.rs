//! Unix stream sockets, and connections from an address of one's own.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use slipring_ring::{ConnectError, Op, OpKind, Outcome, Peer, Ring, SendError, Socket};

use crate::receiving::pattern;
use crate::rig::Rig;
use crate::world::{UNIX_LISTENER, World};

fn connect<W: World>(rig: &mut Rig<W>, op: Op<'_>) -> Result<Socket, ConnectError> {
    let token = rig.submit(OpKind::Connect, 0, op);
    let Outcome::Connected(result) = rig.outcome_of(token) else { panic!("a connect") };
    result
}

pub fn a_unix_path_is_connected_to<W: World>() {
    let mut rig = Rig::<W>::new();
    let path = rig.world.listen_unix();
    let socket = connect(&mut rig, Op::ConnectUnix { path: &path }).expect("somebody listens");
    assert_eq!((rig.ring().peer(socket), rig.ring().local(socket)), (Peer::Unix, Peer::Unix));
    let mut peer = rig.world.accept_unix();
    let slot = rig.filled(b"ping");
    let slot = rig.send_all(0, socket, slot);
    rig.ring().return_slot(slot);
    assert_eq!(rig.world.recv(&mut peer, 4), b"ping");
    let sent = pattern(20_000);
    rig.world.send(&mut peer, &sent);
    assert!(rig.receive(0, socket, true, sent.len()) == sent);
    rig.world.close(peer);
    let token = rig.submit(OpKind::Recv, 0, Op::Recv { socket, multishot: true });
    assert_eq!(rig.received(token), (Ok(None), false));
    let slot = rig.filled(b"nobody");
    let (result, slot) = rig.send_once(0, socket, slot);
    assert_eq!(result, Err(SendError::Broken(libc::EPIPE)), "a Unix socket learns at once that nobody is there");
    rig.ring().return_slot(slot);
    rig.close(socket);
    rig.finish();
}

pub fn a_unix_path_without_a_listener_refuses<W: World>() {
    let mut rig = Rig::<W>::new();
    let path = rig.world.nobody_unix();
    for path in [&path[..], b"", &[b'x'; 200], b"with\0nul"] {
        assert_eq!(connect(&mut rig, Op::ConnectUnix { path }), Err(ConnectError::Refused), "{}", path.escape_ascii());
    }
    rig.finish();
}

pub fn a_unix_listener_accepts<W: World>() {
    let mut rig = Rig::<W>::new();
    let token = rig.submit(OpKind::Accept, 0, Op::Accept { listener: UNIX_LISTENER });
    let mut peer = rig.world.connect_unix();
    let Outcome::Accepted(Ok(socket)) = rig.outcome_of(token) else { panic!("a connection") };
    assert_eq!(rig.ring().peer(socket), Peer::Unix);
    rig.world.send(&mut peer, b"request");
    assert_eq!(rig.receive(0, socket, true, 7), b"request");
    let slot = rig.filled(b"answer");
    let slot = rig.send_all(0, socket, slot);
    rig.ring().return_slot(slot);
    rig.close(socket);
    assert_eq!(rig.world.recv(&mut peer, 6), b"answer");
    assert_eq!(rig.world.end(&mut peer), crate::world::End::Finished);
    rig.cancel(token);
    assert!(matches!(rig.outcome_of(token), Outcome::Accepted(Err(_))));
    rig.finish();
}

pub fn a_connection_comes_from_the_address_that_was_named<W: World>() {
    let mut rig = Rig::<W>::new();
    let to = rig.world.listen();
    let from = SocketAddr::from((Ipv4Addr::new(127, 0, 0, 9), 0));
    let socket = connect(&mut rig, Op::Connect { to, from: Some(from) }).expect("somebody listens");
    let Peer::Ip(local) = rig.ring().local(socket) else { panic!("it has an address") };
    assert!(local.ip() == from.ip() && local.port() != 0, "{local}");
    rig.close(socket);
    // TEST-NET-1 (RFC 5737): no machine has it.
    let from = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), 0);
    let result = connect(&mut rig, Op::Connect { to, from: Some(from) });
    assert_eq!(result, Err(ConnectError::AddressUnavailable));
    rig.finish();
}
