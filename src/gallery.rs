//! [`Gallery`]: looks at pictures off the threads that serve, within a deadline, each only once.
//!
//! What is remembered is [`Seen`], by the hash of the file: no pixel, and nothing that a policy says.

use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::Duration;

use moka::sync::Cache;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::codec::pictures::Picture;
use crate::picture::{self, Eyes, Seen, Unreadable};

/// Bytes of what is remembered of pictures: some ten thousand.
const MEMORY_BYTES: u64 = 16 * 1024 * 1024;
/// What one entry costs beside what was seen.
const ENTRY_BYTES: usize = 200;

/// What became of a look.
type Look = Result<Arc<Seen>, Unreadable>;

/// All pictures of a process.
#[derive(Debug)]
pub struct Gallery {
    seen: Cache<[u8; 32], Look>,
    /// Looks at once: memory is bounded, and one core is left to the streams.
    turns: Arc<Semaphore>,
}

impl Default for Gallery {
    fn default() -> Self {
        let weigh = |_: &[u8; 32], look: &Look| {
            let bytes = ENTRY_BYTES + look.as_ref().map_or(0, |seen| seen.memory());
            u32::try_from(bytes).unwrap_or(u32::MAX)
        };
        let cores = available_parallelism().map_or(1, usize::from);
        Self {
            seen: Cache::builder()
                .max_capacity(MEMORY_BYTES)
                .weigher(weigh)
                .build(),
            turns: Arc::new(Semaphore::new(cores.saturating_sub(1).max(1))),
        }
    }
}

impl Gallery {
    /// Looks at a picture, or remembers what was seen of the same file; for so long, waiting included.
    ///
    /// # Errors
    /// Why nobody can say what it shows.
    pub async fn look(&self, eyes: &Eyes, picture: &Picture, patience: Duration) -> Look {
        let looked = tokio::time::timeout(patience, self.take_turn(eyes, picture)).await;
        looked.unwrap_or(Err(Unreadable::Late))
    }

    /// A turn for what costs as much as a look, for as long as it is held.
    pub async fn turn(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.turns).acquire_owned().await.ok()
    }

    async fn take_turn(&self, eyes: &Eyes, picture: &Picture) -> Look {
        let turn = self.turn().await.ok_or(Unreadable::Late)?;
        let (known, picture, eyes) = (self.seen.clone(), picture.clone(), eyes.clone());
        let look = tokio::task::spawn_blocking(move || {
            // Kept until the look is over, however long the caller waits for it.
            let _turn = turn;
            let bytes = picture.bytes()?;
            // What eyes of another kind saw is another thing.
            let mut hash = blake3::Hasher::new();
            hash.update(&bytes).update(&[eyes.kind()]);
            let key = *hash.finalize().as_bytes();
            known.get_with(key, || picture::look_with(&eyes, &bytes).map(Arc::new))
        });
        // A decoder that panics has met a file that is none.
        look.await.unwrap_or(Err(Unreadable::Damaged))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::pictures::in_file;
    use crate::picture::drawing;

    #[tokio::test(start_paused = true)]
    async fn who_waits_too_long_for_a_turn_is_late() {
        let gallery = Gallery::default();
        let mut turns = Vec::new();
        while gallery.turns.available_permits() > 0 {
            turns.push(gallery.turn().await);
        }
        let patience = Duration::from_secs(3);
        let picture = in_file(&drawing::plain(8, 8).into()).pictures.remove(0);
        let look = gallery.look(&Eyes::default(), &picture, patience).await;
        assert_eq!(look, Err(Unreadable::Late));
        drop(turns);
        let look = gallery.look(&Eyes::default(), &picture, patience).await;
        assert_eq!(look.map(|seen| seen.width), Ok(8));
    }
}
