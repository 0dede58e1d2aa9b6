//! The names that all members of a community share.

use std::fmt;

use sync_decision::settlement_replica;
use sync_knowledge::{ItemId, ReplicaId};
use sync_metadata::{
    ColumnDescription, MetadataError, ScopeDescription, TableDescription, TableName, ValueRef,
    row_id,
};
use uuid::Uuid;

const CONTENTS: [&str; 6] = ["P", "Q", "R", "S", "T", "U"];

/// A replica of a community, or its settlement replica: `1` or `s1`.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Who {
    /// Whether the settlement replica is meant.
    pub settlement: bool,
    /// Index of the replica.
    pub replica: u8,
}

impl Who {
    /// The index among all replicas and settlement replicas of a community of `replicas`.
    pub fn index(self, replicas: usize) -> usize {
        usize::from(self.replica) + if self.settlement { replicas } else { 0 }
    }

    /// The other way round.
    pub fn at(index: usize, replicas: usize) -> Who {
        let (settlement, replica) = (index >= replicas, (index % replicas) as u8);
        Who {
            settlement,
            replica,
        }
    }
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let prefix = if self.settlement { "s" } else { "" };
        write!(f, "{prefix}{}", self.replica)
    }
}

impl fmt::Debug for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// Replica ids, item ids and the scope of a community.
#[derive(Clone, Debug)]
pub struct Names {
    /// The replicas, followed by their settlement replicas in the same order.
    pub replicas: Vec<ReplicaId>,
    /// Ids at which knowledge is looked at: the item at every odd place, ids between the items at the
    /// even ones.
    pub probes: Vec<ItemId>,
    /// The scope.
    pub scope: ScopeDescription,
}

impl Names {
    /// The names for `replicas` replicas and `items` items.
    ///
    /// # Errors
    /// None of the names used here is refused, as long as there are fewer than ten items.
    pub fn new(replicas: usize, items: usize) -> Result<Self, MetadataError> {
        let own = (1..=replicas as u128).map(|index| ReplicaId::from_uuid(Uuid::from_u128(index)));
        let mut ids: Vec<ReplicaId> = own.collect();
        ids.extend(ids.clone().iter().map(settlement_replica));
        let scope = Self::scope()?;
        let key_type = &scope.tables[0].columns[0].sql_type;
        let mut probes = vec![ItemId::from_text("[s]")];
        for item in 0..items {
            let key = [(key_type, ValueRef::Integer(item as i64))];
            let id = row_id(&scope.tables[0].global_name, key.into_iter())?;
            let after = [id.as_bytes(), &[0, b'~']].concat();
            probes.extend([id, ItemId::from_bytes(&after)]);
        }
        Ok(Names {
            replicas: ids,
            probes,
            scope,
        })
    }

    /// The scope that every member holds: one table with a number as key and a text.
    ///
    /// # Errors
    /// None; the names are valid.
    pub fn scope() -> Result<ScopeDescription, MetadataError> {
        let columns = vec![
            ColumnDescription::key("id", "int".parse()?),
            ColumnDescription::new("v", "nvarchar(10)".parse()?),
        ];
        let table = TableDescription::new(TableName::parse("t")?, "[t]", columns)?;
        ScopeDescription::new("community", vec![table])
    }

    /// How many replicas there are, settlement replicas aside.
    pub fn len(&self) -> usize {
        self.replicas.len() / 2
    }

    /// Whether there is nobody.
    pub fn is_empty(&self) -> bool {
        self.replicas.is_empty()
    }

    /// Who has this id.
    pub fn who(&self, id: &ReplicaId) -> Option<Who> {
        let index = self.replicas.iter().position(|known| known == id)?;
        Some(Who::at(index, self.len()))
    }

    /// The text that stands for a content.
    pub fn content(content: u8) -> &'static str {
        CONTENTS[content as usize % CONTENTS.len()]
    }

    /// The content that a text stands for.
    pub fn content_of(text: &str) -> Option<u8> {
        CONTENTS
            .iter()
            .position(|known| *known == text)
            .map(|index| index as u8)
    }
}
