//! Operations on three knowledges that learn from each other, each beside the set of changes that it stands for.

use sync_knowledge::{KnowledgeBuilder, ReplicaKeyMap};

use crate::Verdict;
use crate::model::step::Step;
use crate::model::{FIXED, ITEMS, Model, REPLICAS, SINGLE, Sample, TICKS, VARIABLE, laws, replica};

const KNOWLEDGES: usize = 3;
/// More steps find nothing that fewer do not, and an input has to be quick.
const MOST_STEPS: usize = 24;

/// The input is a program: a byte for the universe, then steps with their operands. Every byte means something.
pub(super) fn sequence(bytes: &[u8]) -> Verdict {
    let mut program = Program { rest: bytes };
    let universe = [FIXED, VARIABLE][program.below(2)];
    let mut samples: [Sample; KNOWLEDGES] = std::array::from_fn(|owner| Sample {
        universe,
        knowledge: KnowledgeBuilder::new(universe.formats(), ReplicaKeyMap::new(replica(owner)))
            .build(),
        model: Model::default(),
    });
    for _ in 0..MOST_STEPS {
        if program.rest.is_empty() {
            break;
        }
        let at = program.below(KNOWLEDGES);
        let step = program.step(&samples);
        step.apply(&mut samples[at]);
        let changed = &samples[at];
        laws::check(&changed.knowledge, &changed.universe, &changed.model);
    }
    for a in &samples {
        laws::bytes(a);
        super::knowledge::keeps_its_promises(&a.knowledge);
    }
    for at in 0..KNOWLEDGES {
        let (a, b) = (&samples[at], &samples[(at + 1) % KNOWLEDGES]);
        laws::union(a, b);
        laws::difference(a, b);
        laws::containment(a, b);
    }
    Verdict::Read
}

struct Program<'a> {
    rest: &'a [u8],
}

impl Program<'_> {
    /// A number below `bound`, 0 when the program is at its end.
    fn below(&mut self, bound: usize) -> usize {
        let Some((first, rest)) = self.rest.split_first() else {
            return 0;
        };
        self.rest = rest;
        usize::from(*first) % bound
    }

    fn step(&mut self, samples: &[Sample; KNOWLEDGES]) -> Step {
        match self.below(18) {
            0 => Step::Raise(self.replica(), self.tick()),
            1 => Step::LocalTick(self.tick()),
            2 => Step::Learn(self.single(), self.replica(), self.tick().max(1)),
            3 => Step::Exclude(self.single()),
            4 => Step::ExcludeRange(self.below(ITEMS), self.below(ITEMS + 1)),
            5 => Step::ExcludeUnit(self.single(), self.below(2)),
            6 => Step::ProjectItem(self.single()),
            7 => Step::ProjectRange(self.below(ITEMS), self.below(ITEMS + 1)),
            8 => Step::ProjectUnit(self.single(), self.below(2)),
            9 => {
                let columns: &[usize] = [&[][..], &[0], &[1], &[1, 0]][self.below(4)];
                Step::ProjectColumns(columns.to_vec())
            }
            10 => {
                let [template, prerequisite] = [self.other(samples), self.other(samples)];
                Step::Prerequisite(Box::new([*template, *prerequisite]))
            }
            11 => Step::Combine(self.other(samples)),
            12 => Step::CombineMapped(self.other(samples)),
            13 => Step::Intersect(self.other(samples)),
            14 => Step::Complement(self.other(samples)),
            15 => Step::Map(self.other(samples)),
            16 => Step::Forget(self.other(samples), self.replica(), self.tick().max(1)),
            _ => Step::Reread,
        }
    }

    fn single(&mut self) -> usize {
        SINGLE[self.below(SINGLE.len())]
    }

    fn replica(&mut self) -> usize {
        self.below(REPLICAS)
    }

    fn tick(&mut self) -> u64 {
        self.below(TICKS as usize + 1) as u64
    }

    fn other(&mut self, samples: &[Sample; KNOWLEDGES]) -> Box<Sample> {
        Box::new(samples[self.below(KNOWLEDGES)].clone())
    }
}
