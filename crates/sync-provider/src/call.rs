//! The calls of a session: each is numbered, so that a caller who got no answer can ask again.

use serde::{Deserialize, Serialize};

use crate::error::ProviderError;
use crate::session::SessionId;

/// Names one call of a session to one of its providers.
///
/// Each provider counts the calls that it gets in a session, from 1. A caller repeats a call whose answer was lost under the same number: it is carried
/// out once and answered alike each time. So no batch is left out because an answer was lost, and nothing is committed twice.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Call {
    /// The session.
    pub session: SessionId,
    /// Which of its calls to this provider it is, from 1.
    pub number: u64,
}

/// What a provider remembers of the calls of a session: the last one and its answer.
///
/// ```
/// use sync_provider::{Calls, Turn};
///
/// let mut calls = Calls::default();
/// assert_eq!(calls.turn(1)?, Turn::Next);
/// calls.answered(1, &Ok("one"));
/// // The answer was lost, and the caller asks again.
/// assert_eq!(calls.turn(1)?, Turn::Repeated(Ok("one")));
/// assert_eq!(calls.turn(2)?, Turn::Next);
/// assert!(calls.turn(4).is_err());
/// # Ok::<(), sync_provider::ProviderError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Calls<A> {
    last: u64,
    answer: Option<Result<A, ProviderError>>,
}

/// What is to be done with a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Turn<A> {
    /// It is new: it is carried out.
    Next,
    /// It was carried out before: this is its answer.
    Repeated(Result<A, ProviderError>),
}

impl<A> Default for Calls<A> {
    fn default() -> Self {
        Calls {
            last: 0,
            answer: None,
        }
    }
}

impl<A: Clone> Calls<A> {
    /// Says what is to be done with a call of this number. The answer that was kept is let go of when the next call comes.
    ///
    /// # Errors
    /// [`ProviderError::Malformed`] where calls between are missing, or a later one was answered already. Nothing may be done then.
    pub fn turn(&mut self, number: u64) -> Result<Turn<A>, ProviderError> {
        if number.checked_sub(1) == Some(self.last) {
            self.answer = None;
            return Ok(Turn::Next);
        }
        match &self.answer {
            Some(answer) if number == self.last => Ok(Turn::Repeated(answer.clone())),
            _ => Err(ProviderError::malformed(
                "session",
                format!("call {number} came, and call {} was the last", self.last),
            )),
        }
    }

    /// Keeps the answer to a call.
    pub fn answered(&mut self, number: u64, answer: &Result<A, ProviderError>) {
        self.last = number;
        self.answer = Some(answer.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whatever calls arrive in whatever order: they are carried out in order, each once, and a repeated one is answered as the first time.
    #[test]
    fn each_call_is_carried_out_once_and_in_order() {
        let arrivals = 6_u32;
        for schedule in 0..4_u32.pow(arrivals) {
            let (mut calls, mut done) = (Calls::default(), Vec::new());
            for arrival in 0..arrivals {
                let number = u64::from(schedule / 4_u32.pow(arrival) % 4);
                match calls.turn(number) {
                    Ok(Turn::Next) => {
                        done.push(number);
                        calls.answered(number, &Ok(number * 10));
                    }
                    Ok(Turn::Repeated(answer)) => assert_eq!(answer, Ok(number * 10)),
                    Err(error) => assert!(matches!(error, ProviderError::Malformed { .. })),
                }
            }
            let expected: Vec<u64> = (1..=done.len() as u64).collect();
            assert_eq!(done, expected, "{schedule}");
        }
    }
}
