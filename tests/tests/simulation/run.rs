//! One seed: a world, a shard, its clients, and everything that is checked while they meet.

use std::time::Duration;

use slipring::files::FileHandler;
use slipring::log::Overflow;
use slipring::shard::{Message, Shard};
use slipring_ring::sim::{FaultPlan, Outside, Random, SimConfig, SimRing};
use slipring_ring::{Instant, SinkId};

use crate::client::{Client, Ending};
use crate::handler::{Flaw, Subject};
use crate::play::Play;
use crate::sizes::shard_config;
use crate::tree::Tree;
use crate::verdict::{self, Excuses, Facts};

/// What a seed came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// The whole run as a number.
    pub trace_hash: u64,
    /// Submissions, completions and acts of the outside.
    pub events: u64,
    /// Connections.
    pub clients: usize,
    /// Answers that came whole.
    pub answers: usize,
    /// Clients that left with an excuse or by themselves.
    pub excused: usize,
}

/// Plays a seed: every third with the handler that serves files, the others with one that does everything else.
pub fn play(seed: u64, flaw: Flaw, trace_lines: usize) -> Result<Run, String> {
    if seed % 3 == 2 && flaw == Flaw::Sound {
        play_with::<FileHandler>(seed, flaw, trace_lines)
    } else {
        play_with::<Subject>(seed, flaw, trace_lines)
    }
}

/// Plays a seed. An error says what was not right; a broken rule of the ring panics.
fn play_with<P: Play>(seed: u64, flaw: Flaw, trace_lines: usize) -> Result<Run, String> {
    let mut scene = Scene::<P>::new(seed, flaw);
    scene.outside.record(trace_lines);
    match scene.play() {
        Ok(run) => scene.leave().map(|()| run),
        Err(error) => {
            let lines = scene.outside.lines().join("\n");
            let stories = scene.clients.iter().map(|client| format!("{}\n", client.story())).collect::<String>();
            let sizes = format!("{} connections, {} send slots", scene.connections_max, scene.send_slots);
            // A shard that did not come to its end still holds buffers: dropping it would panic over what was found.
            std::mem::forget(scene);
            Err(if lines.is_empty() { error } else { format!("{lines}\n{stories}{sizes}\n{error}") })
        }
    }
}

/// Everything that takes part.
pub struct Scene<P: Play> {
    /// The world around the ring.
    pub outside: Outside,
    /// What is under test.
    pub shard: Shard<SimRing, P>,
    /// Who talks to it.
    pub clients: Vec<Client>,
    tree: Tree,
    random: Random,
    plan: FaultPlan,
    logs_requests: bool,
    logs_wait: bool,
    rounds: u32,
    round: u32,
    /// Of a million, how often nothing happens for a long time.
    sleeps: u32,
    /// Of a million, how often a file changes.
    changes: u32,
    drains_at: Option<u32>,
    drained: Option<u32>,
    tight: bool,
    connections_max: usize,
    send_slots: u32,
}

/// Virtual time in which everything ends once the faults have stopped.
const END: Duration = Duration::from_secs(120);
/// Virtual time in which a request is answered once the faults have stopped and its client reads.
const PATIENCE: Duration = Duration::from_secs(2);
/// Ticks that the end takes at most.
const END_TICKS: u32 = 30_000;
/// Ticks of 50 ms in which the last operations come back: a slow disk takes 10 s.
const SETTLE_TICKS: u32 = 220;
/// Ticks in a row that move neither time nor anything else.
const IDLE_TICKS_MAX: u32 = 60;

impl<P: Play> Scene<P> {
    /// The scene of a seed.
    pub fn new(seed: u64, flaw: Flaw) -> Self {
        let mut random = Random::new(seed ^ 0x51a9);
        let mut config = SimConfig::with_faults(seed);
        let number = random.between(1, 12) as usize;
        config.descriptors_max = random.pick(&[1000, 1000, 1000, number / 2 + 4]);
        config.receive_window_bytes = random.pick(&[1000, 256 * 1024]);
        let tight = config.descriptors_max < 1000;
        let shard_config = shard_config(&mut random);
        config.limits = shard_config.limits.ring.clone();
        let (connections_max, send_slots) = (shard_config.limits.connections_max, config.limits.send_slots);
        config.sinks = 2;
        let (logs_requests, logs_wait) =
            (shard_config.logs.access.is_some(), shard_config.logs.overflow == Overflow::Wait);
        let plan = config.plan.clone();
        let ring = SimRing::new(config);
        let outside = ring.outside();
        let tree = Tree::new(&outside, &mut random);
        let shard = Shard::new(ring, shard_config, P::factory(flaw));
        let rounds = random.between(40, 500) as u32;
        Self {
            outside,
            shard,
            clients: (0..number).map(|_| Client::draw(&mut random, rounds, P::draw)).collect(),
            tree,
            plan,
            logs_requests,
            logs_wait,
            rounds,
            round: 0,
            sleeps: random.pick(&[0, 0, 0, 20_000]),
            changes: random.pick(&[0, 5000, 100_000]),
            drains_at: (random.below(2) == 0).then(|| random.between(0, u64::from(rounds)) as u32),
            drained: None,
            tight,
            connections_max,
            send_slots,
            random,
        }
    }

    /// Plays it to its end.
    pub fn play(&mut self) -> Result<Run, String> {
        while self.round < self.rounds && !self.clients.iter().all(Client::is_over) {
            self.round()?;
        }
        let stopped = self.finish()?;
        self.judge(stopped)
    }

    fn round(&mut self) -> Result<(), String> {
        self.round += 1;
        if self.drains_at == Some(self.round) {
            self.drain();
        }
        if self.random.chance(self.changes) {
            self.tree.change(&self.outside, &mut self.random, self.round);
        }
        for number in 0..self.clients.len() {
            let acted = self.clients[number].act(&self.outside, &mut self.random, self.round);
            acted.map_err(|error| format!("client {number}: {error}"))?;
        }
        let span = if self.random.chance(self.sleeps) {
            Duration::from_millis(self.random.between(1000, 20_000))
        } else {
            Duration::from_nanos(self.random.below(400_000))
        };
        self.tick(span)
    }

    fn drain(&mut self) {
        if self.drained.is_none() {
            self.drained = Some(self.round);
            self.shard.mailbox().post(Message::Drain);
        }
    }

    /// One turn of the shard, for `span` at most, and what holds after each.
    fn tick(&mut self, span: Duration) -> Result<(), String> {
        self.outside.set_horizon(Some(self.outside.now().plus(span)));
        let before = self.outside.events();
        self.shard.tick().map_err(|lost| lost.to_string())?;
        let connections = self.shard.connections();
        if connections > self.connections_max {
            return Err(format!("{connections} connections where {} fit", self.connections_max));
        }
        if self.outside.is_idle() && self.outside.events() == before {
            self.check_sockets(connections)?;
        }
        Ok(())
    }

    /// Where nothing is on its way, each open socket is a connection of the table, or waits because the table is full.
    fn check_sockets(&self, connections: usize) -> Result<(), String> {
        let sockets = self.outside.leaks().iter().filter(|leak| leak.starts_with("socket")).count();
        let parked = sockets > connections && connections == self.connections_max;
        if sockets == connections || parked {
            Ok(())
        } else {
            Err(format!("{sockets} sockets for {connections} connections"))
        }
    }

    /// No more faults: everything ends. Returns when the faults stopped.
    fn finish(&mut self) -> Result<Instant, String> {
        let stopped = self.outside.now();
        self.outside.stop_faults();
        let (mut ticks, mut still) = (0, 0);
        while !self.shard.is_done() {
            ticks += 1;
            self.round += 1;
            let before = (self.outside.now(), self.outside.events());
            let mut acted = false;
            for number in 0..self.clients.len() {
                let client = self.clients[number].finish(&self.outside, self.round);
                acted |= client.map_err(|error| format!("client {number}: {error}"))?;
            }
            let now = self.outside.now();
            self.check_patience(now, stopped)?;
            if self.clients.iter().all(Client::is_done) || now.since(stopped) > PATIENCE {
                self.drain();
            }
            self.tick(if acted { Duration::from_millis(1) } else { Duration::from_millis(100) })?;
            let moved = self.outside.now().since(before.0) > Duration::from_millis(1);
            still = if acted || moved || self.outside.events() != before.1 { 0 } else { still + 1 };
            if still > IDLE_TICKS_MAX {
                return Err("the shard spins".to_owned());
            }
            if ticks > END_TICKS || now.since(stopped) > END {
                return Err(format!("no end after {ticks} ticks: {}", self.outside.leaks().join(", ")));
            }
        }
        self.settle()?;
        Ok(stopped)
    }

    /// Nobody waits who has no reason to.
    fn check_patience(&self, now: Instant, stopped: Instant) -> Result<(), String> {
        if now.since(stopped) <= PATIENCE || self.is_crowded() {
            return Ok(());
        }
        let waits = self.clients.iter().position(|client| !client.is_done());
        waits.map_or(Ok(()), |number| Err(format!("client {number} waits: {}", self.clients[number].story())))
    }

    /// Lets the last completions come, then nothing may be left.
    fn settle(&mut self) -> Result<(), String> {
        for _ in 0..SETTLE_TICKS {
            if !self.outside.leaks().iter().any(|leak| leak.contains("in flight"))
                && self.clients.iter().all(Client::is_settled)
            {
                break;
            }
            self.outside.set_horizon(Some(self.outside.now().plus(Duration::from_millis(50))));
            self.shard.tick().map_err(|lost| lost.to_string())?;
            for number in 0..self.clients.len() {
                let client = self.clients[number].finish(&self.outside, self.round);
                client.map_err(|error| format!("client {number}: {error}"))?;
            }
        }
        if !self.shard.handler().is_quiet() {
            return Err("an ask was neither resumed nor abandoned".to_owned());
        }
        self.check_log()
    }

    /// The shard goes; nothing may be left of it.
    fn leave(self) -> Result<(), String> {
        let Self { outside, shard, .. } = self;
        drop(shard);
        match outside.leaks() {
            leaks if !leaks.is_empty() => Err(format!("not quiet: {}", leaks.join(", "))),
            _ if outside.blobs() > 0 => Err(format!("{} blobs are left", outside.blobs())),
            _ => Ok(()),
        }
    }

    /// Whole lines, none lost but those that are counted.
    fn check_log(&self) -> Result<(), String> {
        let metrics = self.shard.metrics();
        self.check_sink(SinkId(0), metrics.log_lines)?;
        self.check_sink(SinkId(1), metrics.error_log_lines)?;
        let answers: u64 = self.clients.iter().map(|client| client.answers.whole() as u64).sum();
        let (lines, dropped) = (metrics.log_lines, metrics.log_dropped_lines);
        if self.logs_requests && lines + dropped < answers {
            return Err(format!("{lines} lines and {dropped} dropped ones for {answers} answers"));
        }
        // Only at the end may a line be lost when requests wait for the log.
        if self.logs_wait && dropped > 0 && self.plan.write_error == 0 {
            return Err(format!("{dropped} lines were dropped, though requests wait for the log"));
        }
        Ok(())
    }

    fn check_sink(&self, sink: SinkId, counted: u64) -> Result<(), String> {
        let log = self.outside.take_sink(sink);
        // What could not be written at the very end may leave half a line there.
        let end = if self.plan.write_error > 0 {
            log.iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1)
        } else {
            log.len()
        };
        let lines: Vec<&[u8]> = log[..end].split_inclusive(|&byte| byte == b'\n').collect();
        let torn = lines.iter().find(|line| !line.ends_with(b"\n") || !line.contains(&b'['));
        match torn {
            Some(line) => Err(format!("a torn log line: {}", line.escape_ascii())),
            None if lines.len() as u64 != counted => {
                Err(format!("{} lines in log {}, {counted} counted", lines.len(), sink.0))
            }
            None => Ok(()),
        }
    }

    /// Others may have to wait: there is less of something than is asked for.
    fn is_crowded(&self) -> bool {
        let count = |ending| self.clients.iter().filter(|client| client.temper.ending == ending).count();
        // Each holds two slots at most: one in flight, one with what was answered since.
        let stubborn = count(Ending::Stubborn);
        self.tight
            || self.plan.slow_file > 0
            || 2 * stubborn >= self.send_slots as usize
            || stubborn + count(Ending::Stay) >= self.connections_max
    }

    fn judge(&mut self, stopped: Instant) -> Result<Run, String> {
        let metrics = self.shard.metrics();
        let facts = Facts {
            plan: &self.plan,
            tree: &self.tree,
            stale: P::STALE,
            drained: self.drained,
            overfull: metrics.refused > 0,
            fell: metrics.panics > 0,
            crowded: self.is_crowded(),
        };
        let mut excused = 0;
        for (number, client) in self.clients.iter().enumerate() {
            let cut = client.id.is_some_and(|id| self.outside.peer_was_cut(id));
            let excuses = Excuses { cut, age: stopped.since(client.connected) };
            excused += usize::from(cut || client.gone);
            verdict::judge(client, excuses, &facts)
                .map_err(|error| format!("client {number}: {error}; {}", client.story()))?;
        }
        Ok(Run {
            trace_hash: self.outside.trace_hash(),
            events: self.outside.events(),
            clients: self.clients.len(),
            answers: self.clients.iter().map(|client| client.answers.whole()).sum(),
            excused,
        })
    }
}
