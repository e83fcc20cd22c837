//! Turns at work that keeps a core for milliseconds, which what sentences mean is: it runs on
//! threads beside those that serve, a slice at a time.
//!
//! Texts of a message and texts of a book have turns of their own, so that no message waits for a
//! book, and books leave half of the cores to everything else.

use std::sync::LazyLock;
use std::thread::available_parallelism;

use tokio::sync::Semaphore;

/// Bytes up to which a request is one of messages: some pages, a hundred milliseconds of scores.
const MESSAGE_BYTES: usize = 8 * 1024;

/// Slices at once of what is short: one a core.
static MESSAGES: LazyLock<Semaphore> = LazyLock::new(|| Semaphore::new(cores()));

/// Slices at once of what is long.
static BOOKS: LazyLock<Semaphore> = LazyLock::new(|| Semaphore::new(cores().div_ceil(2)));

fn cores() -> usize {
    available_parallelism().map_or(1, usize::from)
}

/// Does one slice of work for a request of so many `bytes` of text, when it is its turn. Nothing if
/// the work panicked.
pub async fn take<T: Send + 'static>(
    bytes: usize,
    work: impl FnOnce() -> T + Send + 'static,
) -> Option<T> {
    let turns = match bytes <= MESSAGE_BYTES {
        true => &MESSAGES,
        false => &BOOKS,
    };
    let turn = turns.acquire().await.ok()?;
    let run = tokio::task::spawn_blocking(move || {
        // Kept until the work is done, whether or not somebody still waits for it.
        let _turn = turn;
        work()
    });
    run.await.ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_message_does_not_wait_for_books() {
        let all = u32::try_from(BOOKS.available_permits()).expect("a few");
        let taken = BOOKS.acquire_many(all).await.expect("open");
        let book = take(MESSAGE_BYTES + 1, || ());
        let mut book = std::pin::pin!(book);
        assert!(futures_now(book.as_mut()).await.is_none());
        assert_eq!(take(MESSAGE_BYTES, || 7).await, Some(7));
        drop(taken);
        assert_eq!(book.await, Some(()));
    }

    #[tokio::test]
    async fn a_panic_is_no_answer_and_gives_its_turn_back() {
        for _ in 0..2 * cores() {
            assert_eq!(take(1, || panic!("a turnip")).await, None::<()>);
        }
        assert_eq!(take(1, || 7).await, Some(7));
    }

    /// What is there without waiting.
    async fn futures_now<F: Future>(future: std::pin::Pin<&mut F>) -> Option<F::Output> {
        let mut future = Some(future);
        std::future::poll_fn(|task| {
            let future = future.as_mut().expect("polled once").as_mut();
            std::task::Poll::Ready(match future.poll(task) {
                std::task::Poll::Ready(output) => Some(output),
                std::task::Poll::Pending => None,
            })
        })
        .await
    }
}
