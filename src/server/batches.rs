//! Work that is done for many at once: what comes in while one batch is being done is the next. Nothing waits for company,
//! and the more there is to do, the more share what one statement or commit costs.

use std::{
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

pub struct Batches<J>(Arc<Mutex<Queue<J>>>);

struct Queue<J> {
    waiting: Vec<J>,
    /// Somebody is at work on what came before.
    busy: bool,
}

impl<J> Default for Batches<J> {
    fn default() -> Self {
        let queue = Queue {
            waiting: Vec::new(),
            busy: false,
        };
        Self(Arc::new(Mutex::new(queue)))
    }
}

impl<J> Clone for Batches<J> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<J: Send + 'static> Batches<J> {
    /// Has `work` do it with `tools`, and with what else has come by then, `most` at once. Whoever needs to hear of it leaves a
    /// channel in it: one that is dropped says that nothing came of it.
    pub fn add<T: Clone + Send + 'static, W: Future<Output = ()> + Send + 'static>(
        &self,
        job: J,
        most: usize,
        tools: T,
        work: fn(T, Vec<J>) -> W,
    ) {
        let mut queue = self.queue();
        queue.waiting.push(job);
        if mem::replace(&mut queue.busy, true) {
            return;
        }
        drop(queue);
        let batches = self.clone();
        tokio::spawn(async move {
            loop {
                // Whoever is about to ask comes with this batch.
                tokio::task::yield_now().await;
                let batch = batches.next(most);
                if batch.is_empty() {
                    return;
                }
                // A task of its own, so that the next have their turn even if it panics.
                if let Err(error) = tokio::spawn(work(tools.clone(), batch)).await {
                    tracing::error!(%error, "a batch was not done");
                }
            }
        });
    }

    /// The next batch, or none, and then nobody is at work any more.
    fn next(&self, most: usize) -> Vec<J> {
        let mut queue = self.queue();
        let batch = if queue.waiting.len() <= most {
            mem::take(&mut queue.waiting)
        } else {
            queue.waiting.drain(..most).collect()
        };
        queue.busy = !batch.is_empty();
        batch
    }

    fn queue(&self) -> MutexGuard<'_, Queue<J>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::*;

    type Asked = (usize, oneshot::Sender<(usize, usize)>);

    /// Answers each with itself and the size of its batch; panics at 13.
    async fn work((): (), batch: Vec<Asked>) {
        let size = batch.len();
        tokio::task::yield_now().await;
        for (number, told) in batch {
            assert_ne!(number, 13);
            let _ = told.send((number, size));
        }
    }

    async fn ask(batches: &Batches<Asked>, number: usize) -> Option<(usize, usize)> {
        let (told, answer) = oneshot::channel();
        batches.add((number, told), 4, (), work);
        answer.await.ok()
    }

    #[tokio::test]
    async fn those_who_come_together_are_served_together_and_each_hears_its_own() {
        let batches = Batches::default();
        assert_eq!(
            ask(&batches, 1).await,
            Some((1, 1)),
            "nobody waits for company"
        );
        let all =
            futures_util::future::join_all((20..30).map(|number| ask(&batches, number))).await;
        for (number, answer) in (20..).zip(&all) {
            assert_eq!(answer.expect("answered").0, number);
        }
        let sizes = all.iter().flatten().map(|(_, size)| size);
        assert_eq!(sizes.max(), Some(&4), "no batch is larger than it may be");
    }

    #[tokio::test]
    async fn a_batch_that_is_not_done_holds_up_nobody() {
        let batches = Batches::default();
        assert_eq!(ask(&batches, 13).await, None);
        assert_eq!(ask(&batches, 1).await, Some((1, 1)));
    }
}
