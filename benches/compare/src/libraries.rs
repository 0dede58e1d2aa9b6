//! Version vectors of other libraries, each through the quickest of its public functions.

use std::cmp::Ordering;
use std::collections::HashMap;

use crdts::{CvRDT, VClock as Crdts};
use loro::{ID, VersionVector};
use vclock::VClock;
use yrs::block::ClientID;
use yrs::{ID as YrsId, StateVector};

use crate::plain::first_word;
use crate::rival::Rival;

impl Rival for Crdts<[u8; 16]> {
    const NAME: &'static str = "crdts VClock";
    type Key = [u8; 16];

    fn key(id: [u8; 16]) -> [u8; 16] {
        id
    }

    fn of(ticks: impl Iterator<Item = ([u8; 16], u64)>) -> Self {
        Crdts {
            dots: ticks.collect(),
        }
    }

    fn merged(&self, other: &Self) -> Self {
        let mut merged = self.clone();
        merged.merge(other.clone());
        merged
    }

    fn compare(&self, other: &Self) -> Option<Ordering> {
        self.partial_cmp(other)
    }

    fn contains_all(&self, other: &Self) -> bool {
        self >= other
    }

    fn contains(&self, replica: [u8; 16], tick: u64) -> bool {
        tick <= self.get(&replica)
    }
}

impl Rival for VClock<[u8; 16], u64> {
    const NAME: &'static str = "vclock VClock";
    type Key = [u8; 16];

    fn key(id: [u8; 16]) -> [u8; 16] {
        id
    }

    fn of(ticks: impl Iterator<Item = ([u8; 16], u64)>) -> Self {
        ticks.collect::<HashMap<_, _>>().into()
    }

    fn merged(&self, other: &Self) -> Self {
        self.clone().combine(other)
    }

    fn compare(&self, other: &Self) -> Option<Ordering> {
        self.partial_cmp(other)
    }

    fn contains_all(&self, other: &Self) -> bool {
        self >= other
    }

    fn contains(&self, replica: [u8; 16], tick: u64) -> bool {
        self.get(&replica).is_some_and(|known| tick <= known)
    }
}

/// Replicas are named by 64 bits and counters have 32: a hash map of half the size of one of GUIDs.
impl Rival for VersionVector {
    const NAME: &'static str = "loro VersionVector (u64)";
    type Key = u64;

    fn key(id: [u8; 16]) -> u64 {
        first_word(id)
    }

    fn of(ticks: impl Iterator<Item = (u64, u64)>) -> Self {
        ticks.map(|(peer, tick)| (peer, tick as i32)).collect::<_>()
    }

    fn merged(&self, other: &Self) -> Self {
        let mut merged = self.clone();
        merged.merge(other);
        merged
    }

    fn compare(&self, other: &Self) -> Option<Ordering> {
        self.partial_cmp(other)
    }

    fn contains_all(&self, other: &Self) -> bool {
        self.includes_vv(other)
    }

    fn contains(&self, replica: u64, tick: u64) -> bool {
        // Counters begin at 0.
        self.includes_id(ID::new(replica, tick as i32 - 1))
    }
}

/// Replicas are named by 53 bits and clocks have 32.
impl Rival for StateVector {
    const NAME: &'static str = "yrs StateVector (u53)";
    type Key = ClientID;

    fn key(id: [u8; 16]) -> ClientID {
        ClientID::new(first_word(id) >> 11)
    }

    fn of(ticks: impl Iterator<Item = (ClientID, u64)>) -> Self {
        ticks.map(|(client, tick)| (client, tick as u32)).collect()
    }

    fn merged(&self, other: &Self) -> Self {
        let mut merged = self.clone();
        for (client, clock) in other.iter() {
            merged.set_max(*client, *clock);
        }
        merged
    }

    fn compare(&self, other: &Self) -> Option<Ordering> {
        self.partial_cmp(other)
    }

    fn contains_all(&self, other: &Self) -> bool {
        other
            .iter()
            .all(|(client, clock)| *clock <= self.get(client))
    }

    fn contains(&self, replica: ClientID, tick: u64) -> bool {
        self.contains(&YrsId::new(replica, tick as u32))
    }
}
