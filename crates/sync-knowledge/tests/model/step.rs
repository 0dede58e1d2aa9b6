//! Every operation that makes knowledge of knowledge, on both sides at once.

use sync_knowledge::{ForgottenKnowledge, Knowledge, ReplicaKey, Version};

use super::{ITEMS, Model, Sample, Universe, number, replica, unit};

/// One operation. Items, change units and replicas are numbers of the model; items named alone are among
/// [`SINGLE`](super::SINGLE), bounds are any items, the second one [`ITEMS`] for no bound.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    Raise(usize, u64),
    LocalTick(u64),
    Learn(usize, usize, u64),
    Exclude(usize),
    ExcludeRange(usize, usize),
    ExcludeUnit(usize, usize),
    ProjectItem(usize),
    ProjectRange(usize, usize),
    ProjectUnit(usize, usize),
    ProjectColumns(Vec<usize>),
    Prerequisite(Box<[Sample; 2]>),
    Combine(Box<Sample>),
    CombineMapped(Box<Sample>),
    Intersect(Box<Sample>),
    Complement(Box<Sample>),
    /// Goes on with the other knowledge, in this one's keys.
    Map(Box<Sample>),
    /// Goes on with what was forgotten.
    Forget(Box<Sample>, usize, u64),
    /// Through the binary form.
    Reread,
}

impl Step {
    pub(crate) fn apply(self, sample: &mut Sample) {
        let Sample {
            universe,
            knowledge,
            model,
        } = sample;
        let bounds =
            |from: usize, to: usize| (universe.item(from), (to < ITEMS).then(|| universe.item(to)));
        match self {
            Step::Raise(who, tick) => {
                let key = knowledge.find_or_add_replica(&replica(who));
                knowledge.raise(key, tick);
                *model = model.clone().with(who, tick, |_| true);
            }
            Step::LocalTick(tick) => {
                let own = number(knowledge, ReplicaKey::LOCAL);
                knowledge.set_local_tick(tick);
                let others = model.filter(|change| change.2 != own);
                *model = others.with(own, tick, |_| true);
            }
            Step::Learn(item, who, tick) => {
                let key = knowledge.find_or_add_replica(&replica(who));
                knowledge.learn_item(&universe.item(item), Version::new(key, tick));
                *model = model.clone().with(who, tick, |at| at == item);
            }
            Step::Exclude(item) => {
                knowledge.exclude_item(&universe.item(item));
                *model = model.filter(|change| change.0 != item);
            }
            Step::ExcludeRange(from, to) => {
                let (lower, upper) = bounds(from, to);
                knowledge.exclude_range(&lower, upper.as_ref());
                *model = model.filter(|change| !(from..to).contains(&change.0));
            }
            Step::ExcludeUnit(item, column) => {
                knowledge.exclude_change_unit(&universe.item(item), &unit(column));
                *model = model.filter(|change| (change.0, change.1) != (item, column));
            }
            Step::ProjectItem(item) => {
                *knowledge = knowledge.project_onto_item(&universe.item(item));
                *model = model.filter(|change| change.0 == item);
            }
            Step::ProjectRange(from, to) => {
                let (lower, upper) = bounds(from, to);
                *knowledge = knowledge.project_onto_range(&lower, upper.as_ref());
                *model = model.filter(|change| (from..to).contains(&change.0));
            }
            Step::ProjectUnit(item, column) => {
                *knowledge =
                    knowledge.project_onto_change_unit(&universe.item(item), &unit(column));
                *model = model.filter(|change| (change.0, change.1) == (item, column));
            }
            Step::ProjectColumns(columns) => {
                let units: Vec<_> = columns.iter().copied().map(unit).collect();
                *knowledge = knowledge.project_onto_columns(&units);
                *model = model.filter(|change| columns.contains(&change.1));
            }
            Step::Prerequisite(others) => {
                let [template, prerequisite] = others.map(|other| other.moved(universe));
                *knowledge = knowledge.project_onto_knowledge_with_prerequisite(
                    &template.knowledge,
                    &prerequisite.knowledge,
                );
                let kept = |change: super::Change| {
                    let covers = &template.model;
                    covers.covers(&prerequisite.model, change.0, change.1)
                };
                *model = model.filter(kept);
            }
            Step::Combine(other) => {
                knowledge.combine(&other.moved(universe).knowledge);
                *model = Model(&model.0 | &other.model.0);
            }
            Step::CombineMapped(other) => {
                let other = other.moved(universe);
                let mapping = knowledge.mapping_from(other.knowledge.key_map());
                knowledge.combine_mapped(&other.knowledge, &mapping);
                *model = Model(&model.0 | &other.model.0);
            }
            Step::Intersect(other) => {
                *knowledge = knowledge.intersection(&other.moved(universe).knowledge);
                *model = Model(&model.0 & &other.model.0);
            }
            Step::Complement(other) => {
                *knowledge = knowledge.complement(&other.moved(universe).knowledge);
                *model = Model(&model.0 - &other.model.0).closed();
            }
            Step::Map(other) => {
                *knowledge = knowledge.map_remote_to_local(&other.moved(universe).knowledge);
                *model = other.model;
            }
            Step::Forget(other, who, tick) => {
                let other = other.moved(universe);
                let forgotten = forgotten(knowledge.clone(), &other.knowledge, who, tick);
                *knowledge = forgotten.knowledge().clone();
                *model = model.forgetting(&other.model, who, tick);
            }
            Step::Reread => {
                *knowledge = Knowledge::from_bytes(&knowledge.to_bytes()).unwrap();
                *model = model.common();
            }
        }
    }
}

/// What was forgotten, and now also all that `known` contains of a replica up to a tick.
pub(crate) fn forgotten(
    before: Knowledge,
    known: &Knowledge,
    who: usize,
    tick: u64,
) -> ForgottenKnowledge {
    let key = known.key_map().key(&replica(who));
    let mut forgotten = ForgottenKnowledge::from(before);
    forgotten.forget_to(known, Version::new(key.unwrap_or(ReplicaKey(77)), tick));
    forgotten
}

impl Model {
    /// What [`forgotten`] contains.
    pub(crate) fn forgetting(&self, known: &Model, who: usize, tick: u64) -> Model {
        let now = known.filter(|change| change.2 == who && change.3 <= tick);
        Model(&self.most().0 | &now.most().0)
    }
}

impl Sample {
    /// Knowledge that says the same of the items of another universe.
    fn moved(&self, universe: &Universe) -> Sample {
        let built = || self.model.build(universe, self.knowledge.key_map());
        let same = self.universe.format == universe.format;
        Sample {
            universe: *universe,
            knowledge: if same {
                self.knowledge.clone()
            } else {
                built()
            },
            model: self.model.clone(),
        }
    }
}
