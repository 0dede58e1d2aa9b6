//! What is going to happen: a pure function of the seed.

use sync_orchestrator::SyncDirectionOrder;

use super::random::Random;

/// Contents from this one on hold a value that only one row of a database can have.
pub(super) const FIRST_UNIQUE: u8 = 3;
/// Contents from this one on are those that some databases do not take at all.
pub(super) const FIRST_UNDOING: u8 = 5;
/// Contents that there are.
const CONTENTS: usize = 6;
/// Calls to a database within which faults and writers come.
const CALLS: usize = 16;

/// A database of the community.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) on_server: bool,
    /// Of files: readers and writers do not block each other.
    pub(super) wal: bool,
    /// How far its clock is off.
    pub(super) skew: i64,
    /// A trigger of its own undoes the whole transaction for some contents.
    pub(super) touchy: bool,
}

/// A database in a scope.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) struct Seat {
    pub(super) database: usize,
    pub(super) scope: usize,
}

/// A write of an application.
#[derive(Copy, Clone, Debug)]
pub(super) struct Edit {
    pub(super) item: usize,
    /// `None` deletes.
    pub(super) content: Option<u8>,
    pub(super) time: i64,
}

/// A writer that acts while a session runs: at a side, before so many calls of it.
#[derive(Copy, Clone, Debug)]
pub(super) struct Meanwhile {
    pub(super) side: usize,
    pub(super) call: usize,
    pub(super) edit: Edit,
}

/// What goes wrong in a session, at a side's call.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    None,
    /// The call fails, carried out or not, and the session with it.
    Fails {
        side: usize,
        call: usize,
        after: bool,
    },
    /// The connection is lost, and can be made anew.
    Lost {
        side: usize,
        call: usize,
        after: bool,
    },
    /// The session is dropped before the call, which fails.
    Cut {
        side: usize,
        call: usize,
    },
}

/// How conflicts are settled.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) enum Policy {
    Destination,
    Source,
    Local,
    Remote,
    LastWriter,
    /// The seats in ascending order, beginning with this one.
    Priority(usize),
    Defer,
}

/// A session between two seats of one scope.
#[derive(Clone, Debug)]
pub(super) struct Meeting {
    /// Local and remote, by the numbers of seats.
    pub(super) sides: [usize; 2],
    pub(super) order: SyncDirectionOrder,
    pub(super) policy: Policy,
    /// Rows that fail abort the direction.
    pub(super) strict: bool,
    pub(super) small_batches: bool,
    pub(super) fault: Fault,
    pub(super) meanwhile: Vec<Meanwhile>,
}

#[derive(Clone, Debug)]
pub(super) enum Step {
    Edit { database: usize, edit: Edit },
    Meet(Meeting),
}

/// A seed, laid out.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) seed: u64,
    pub(super) places: Vec<Place>,
    pub(super) seats: Vec<Seat>,
    pub(super) scopes: usize,
    pub(super) items: usize,
    pub(super) chaos: Vec<Step>,
    /// The sessions of a round when nothing goes wrong any more: they connect everybody.
    pub(super) calm: Vec<Meeting>,
}

impl Plan {
    pub(super) fn new(seed: u64, server: bool) -> Self {
        let mut random = Random::new(seed);
        let databases = random.pick(&[2, 2, 3, 3, 4, 5, 6, 8, 11, 16]);
        // By another sequence, so that older seeds stay what they were.
        let mut temper = Random::new(!seed);
        let touchy = seed.is_multiple_of(5);
        let places = (0..databases).map(|database| {
            let wanted = random.percent(40) && database < 3;
            Place {
                on_server: wanted && server,
                wal: random.percent(50),
                skew: random.pick(&[0, 0, 3, -7, 50, -400]),
                touchy: touchy && temper.percent(40),
            }
        });
        let places: Vec<Place> = places.collect();
        let scopes = match databases > 2 && random.percent(40) {
            true => 2 + random.below(2.min(databases - 2)),
            false => 1,
        };
        let seats = seats(databases, scopes);
        let items = 1 + random.below(6);
        let pairs = pairs(&seats);
        let steps = 20 + random.below(70);
        let mut plan = Plan {
            seed,
            places,
            seats,
            scopes,
            items,
            chaos: Vec::new(),
            calm: Vec::new(),
        };
        for time in 0..steps {
            let step = match random.percent(50) {
                true => {
                    let database = random.below(databases);
                    let edit = plan.edit(&mut random, database, time);
                    Step::Edit { database, edit }
                }
                false => {
                    let sides = random.pick(&pairs);
                    Step::Meet(plan.meeting(&mut random, sides, time))
                }
            };
            plan.chaos.push(step);
        }
        plan.calm = plan.round(&mut random);
        plan
    }

    fn edit(&self, random: &mut Random, database: usize, time: usize) -> Edit {
        Edit {
            item: random.below(self.items),
            content: (!random.percent(18)).then(|| random.below(CONTENTS) as u8),
            time: 1_000 + time as i64 + self.places[database].skew,
        }
    }

    fn meeting(&self, random: &mut Random, mut sides: [usize; 2], time: usize) -> Meeting {
        if random.percent(50) {
            sides.reverse();
        }
        let (side, call) = (random.below(2), 1 + random.below(CALLS));
        let after = random.percent(50);
        let fault = match random.below(10) {
            0 | 1 => Fault::Fails { side, call, after },
            2 => Fault::Lost { side, call, after },
            3 => Fault::Cut { side, call },
            _ => Fault::None,
        };
        let writers = random.pick(&[0, 0, 1, 2, 3]);
        let meanwhile = (0..writers).map(|_| {
            let side = random.below(2);
            Meanwhile {
                side,
                call: 1 + random.below(CALLS),
                edit: self.edit(random, self.seats[sides[side]].database, time),
            }
        });
        let meanwhile = meanwhile.collect();
        let small_batches = random.percent(30);
        Meeting {
            sides,
            order: random.pick(&[
                SyncDirectionOrder::Upload,
                SyncDirectionOrder::Download,
                SyncDirectionOrder::UploadAndDownload,
                SyncDirectionOrder::DownloadAndUpload,
            ]),
            policy: match random.percent(20) {
                true => Policy::Defer,
                false => self.decisive(random),
            },
            strict: random.percent(10),
            // With many batches both sides work at the same time: which call of the one comes first when the other fails is open.
            small_batches: small_batches && fault == Fault::None,
            fault,
            meanwhile,
        }
    }

    /// A policy that names a winner.
    fn decisive(&self, random: &mut Random) -> Policy {
        let first = random.below(self.seats.len());
        random.pick(&[
            Policy::Destination,
            Policy::Source,
            Policy::Local,
            Policy::Remote,
            Policy::LastWriter,
            Policy::Priority(first),
        ])
    }

    /// A path through the seats of each scope, in a random order, there and back; hubs make one community of them.
    fn round(&self, random: &mut Random) -> Vec<Meeting> {
        let policy = self.decisive(random);
        let mut round = Vec::new();
        for scope in 0..self.scopes {
            let members = (0..self.seats.len()).filter(|seat| self.seats[*seat].scope == scope);
            let mut members: Vec<usize> = members.collect();
            for last in (1..members.len()).rev() {
                members.swap(last, random.below(last + 1));
            }
            let there = members.windows(2).map(|pair| [pair[0], pair[1]]);
            let sides: Vec<[usize; 2]> = there.collect();
            let back = sides.iter().rev();
            round.extend(sides.iter().chain(back).map(|sides| Meeting {
                sides: *sides,
                order: SyncDirectionOrder::UploadAndDownload,
                policy,
                strict: false,
                small_batches: false,
                fault: Fault::None,
                meanwhile: Vec::new(),
            }));
        }
        round
    }
}

/// The first database is in every scope, the others are in one each.
fn seats(databases: usize, scopes: usize) -> Vec<Seat> {
    let hub = (0..scopes).map(|scope| Seat { database: 0, scope });
    let others = (1..databases).map(|database| Seat {
        database,
        scope: database % scopes,
    });
    hub.chain(others).collect()
}

/// Every two seats of one scope.
fn pairs(seats: &[Seat]) -> Vec<[usize; 2]> {
    let all = (0..seats.len()).flat_map(|a| (a + 1..seats.len()).map(move |b| [a, b]));
    all.filter(|[a, b]| seats[*a].scope == seats[*b].scope)
        .collect()
}
