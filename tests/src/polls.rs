//! Calls that are polled so many times, and no more.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;

/// Polls `call` so many times, or to its end, which it gives.
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

/// Drops `call` when it is woken after so many polls, unless it came to its end
/// before, which it gives.
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
