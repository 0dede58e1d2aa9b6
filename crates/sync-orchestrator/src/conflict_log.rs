//! The conflicts of a direction until it is committed: in memory as long as they are few, in a file from then on.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read as _, Seek as _, Write as _};

use bincode::config::standard;
use bincode::serde::{decode_from_slice, encode_to_vec};
use sync_provider::{ConflictRecord, ProviderError};

/// Records that are held in memory, in bytes of their rows.
const MOST_BYTES: usize = 8 << 20;

/// Conflicts in the order in which they were met.
#[derive(Debug, Default)]
pub(crate) struct ConflictLog {
    memory: Vec<ConflictRecord>,
    bytes: usize,
    file: Option<BufWriter<File>>,
}

impl ConflictLog {
    /// Adds records.
    ///
    /// # Errors
    /// The system's folder for temporary files cannot take them.
    pub(crate) fn add(&mut self, records: Vec<ConflictRecord>) -> Result<(), ProviderError> {
        for record in records {
            self.bytes += record.bytes();
            self.memory.push(record);
        }
        if self.bytes > MOST_BYTES {
            self.spool().map_err(failed)?;
        }
        Ok(())
    }

    /// Shows all records, and forgets them.
    ///
    /// # Errors
    /// The temporary file cannot be read again.
    pub(crate) fn show(mut self, listen: &dyn Fn(&ConflictRecord)) -> Result<(), ProviderError> {
        if let Some(file) = self.file.take() {
            replay(file, listen).map_err(|error| {
                let error = failed(error);
                ProviderError::database(
                    error.object(),
                    format!(
                        "the direction is committed, and not all of its conflicts can be shown: {}",
                        error.reason()
                    ),
                    error.remedy(),
                )
            })?;
        }
        self.memory.iter().for_each(listen);
        Ok(())
    }

    /// The file has no name, so nothing is left of it whatever happens to the process.
    fn spool(&mut self) -> io::Result<()> {
        if self.file.is_none() {
            self.file = Some(BufWriter::new(tempfile::tempfile()?));
        }
        if let Some(file) = &mut self.file {
            for record in self.memory.drain(..) {
                let bytes = encode_to_vec(&record, standard()).map_err(io::Error::other)?;
                file.write_all(&(bytes.len() as u64).to_le_bytes())?;
                file.write_all(&bytes)?;
            }
        }
        self.bytes = 0;
        Ok(())
    }
}

fn replay(file: BufWriter<File>, listen: &dyn Fn(&ConflictRecord)) -> io::Result<()> {
    let mut file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
    file.rewind()?;
    let mut file = BufReader::new(file);
    let (mut length, mut bytes) = ([0; 8], Vec::new());
    loop {
        match file.read_exact(&mut length) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(()),
            read => read?,
        }
        bytes.clear();
        (&mut file)
            .take(u64::from_le_bytes(length))
            .read_to_end(&mut bytes)?;
        let (record, _) = decode_from_slice(&bytes, standard()).map_err(io::Error::other)?;
        listen(&record);
    }
}

fn failed(error: io::Error) -> ProviderError {
    ProviderError::database(
        "temporary file for the records of conflicts",
        error.to_string(),
        "make room in the folder for temporary files (TMPDIR), or settle fewer conflicts at once",
    )
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use sync_knowledge::ReplicaId;
    use sync_metadata::Value;
    use sync_provider::{ConflictSide, ConflictType};
    use uuid::Uuid;

    use super::*;

    fn record(number: i64, size: usize) -> ConflictRecord {
        let side = |cell| ConflictSide {
            replica: ReplicaId::from_uuid(Uuid::from_u128(7)),
            tick: 3,
            deleted: false,
            row: Some(vec![Value::Integer(number), cell]),
        };
        ConflictRecord {
            table: "[t]".into(),
            columns: vec!["id".into(), "cell".into()],
            key: vec![Value::Integer(number)],
            conflict: ConflictType::LocalUpdateRemoteUpdate,
            local: Some(side(Value::Real(f64::INFINITY))),
            remote: side(Value::Blob(vec![1; size])),
            winner: None,
            reason: "defer".into(),
        }
    }

    #[test]
    fn all_come_out_as_they_went_in() {
        let check = |count: i64, size: usize, in_file: bool| {
            let mut log = ConflictLog::default();
            for first in (0..count).step_by(10) {
                let records = (first..count.min(first + 10)).map(|number| record(number, size));
                log.add(records.collect()).unwrap();
                assert!(log.bytes <= MOST_BYTES, "memory is bounded");
            }
            assert_eq!(log.file.is_some(), in_file);
            let seen = RefCell::new(0);
            log.show(&|found| {
                let mut number = seen.borrow_mut();
                assert_eq!(*found, record(*number, size));
                *number += 1;
            })
            .unwrap();
            assert_eq!(seen.into_inner(), count);
        };
        check(0, 0, false);
        check(100, 100, false);
        check(100, 1 << 18, true);
        check(105, 1 << 18, true);
    }
}
