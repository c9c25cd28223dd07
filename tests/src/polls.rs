//! Calls that are polled a given number of times, and no more.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;

/// Polls `call` that many times, or to its end, and then returns its result.
pub async fn poll_times<F>(call: &mut F, polls: u32) -> Option<F::Output>
where
    F: Future + Unpin,
{
    let mut left = polls;
    poll_fn(|cx| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        match Pin::new(&mut *call).poll(cx) {
            Poll::Ready(end) => Poll::Ready(Some(end)),
            Poll::Pending if left == 0 => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

/// Drops `call` when it is woken after that many polls, unless it ended
/// before; then returns its result.
pub async fn dropped_after<F>(mut call: F, polls: u32) -> Option<F::Output>
where
    F: Future + Unpin,
{
    let mut left = polls;
    poll_fn(|cx| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        Pin::new(&mut call).poll(cx).map(Some)
    })
    .await
}
