//! Rates and quotas that several nodes share: a Lua script in Redis, one round trip a request, by Redis's own clock.
//!
//! While Redis does not answer, each node limits by itself, so that a customer may get through as many times as there
//! are nodes. Money is not touched by that: amounts are kept in the database.

use std::{
    sync::atomic::{AtomicI64, Ordering},
    time::Duration,
};

use redis::{
    Script,
    aio::{ConnectionManager, ConnectionManagerConfig},
};

use super::{Left, Monthly, Pace, Refused, Subject, bucket, quota::month_of, stricter, used_up};
use crate::{
    gateway::judge::Code,
    server::clock::{Millis, SECOND},
};

/// A request does not wait longer for Redis than this.
const PATIENCE: Duration = Duration::from_millis(100);
/// Once Redis did not answer, requests do not ask it for so long.
const PAUSE: Millis = SECOND;

/// KEYS: a bucket each, then the quota if there is one. ARGV: 1 to take or 0 to look, the number of buckets, for each its
/// interval and its room in microseconds, then the quota's limit, where it stands if Redis does not know, and the seconds
/// that it is kept. Answers who refused (0: nobody), now, and when each burst is full again.
const SCRIPT: &str = r"
local t = redis.call('TIME')
local now = t[1] * 1000000 + t[2]
local take, n = ARGV[1] == '1', tonumber(ARGV[2])
local answer, refused = {0, now}, 0
local full = {}
for i = 1, n do
  local interval, room = tonumber(ARGV[1 + 2 * i]), tonumber(ARGV[2 + 2 * i])
  full[i] = math.max(tonumber(redis.call('GET', KEYS[i]) or '0'), now)
  answer[2 + i] = full[i]
  if refused == 0 and full[i] + interval - now > room then refused = i end
end
if #KEYS > n then
  local at = 2 * n + 3
  local used = tonumber(redis.call('GET', KEYS[n + 1]) or ARGV[at + 1])
  if refused == 0 and used >= tonumber(ARGV[at]) then refused = n + 1 end
  if take and refused == 0 then
    redis.call('SET', KEYS[n + 1], string.format('%d', used + 1), 'EX', ARGV[at + 2])
  end
end
if take and refused == 0 then
  for i = 1, n do
    answer[2 + i] = full[i] + tonumber(ARGV[1 + 2 * i])
    redis.call('SET', KEYS[i], string.format('%d', answer[2 + i]), 'PX', math.ceil((answer[2 + i] - now) / 1000) + 1000)
  end
end
answer[1] = refused
return answer
";

pub struct Shared {
    connection: ConnectionManager,
    script: Script,
    patience: Duration,
    /// When Redis is asked again, after it did not answer; 0 while it does.
    asked_again: AtomicI64,
}

impl Shared {
    /// Connects when it is first needed, and again whenever the connection is lost. The error says what is wrong with the
    /// address.
    pub fn new(url: &str) -> Result<Self, String> {
        Self::patient(url, PATIENCE)
    }

    fn patient(url: &str, patience: Duration) -> Result<Self, String> {
        let wrong = |error: redis::RedisError| format!("LATCHKEY_REDIS_URL: {error}");
        let client = redis::Client::open(url).map_err(wrong)?;
        let config = ConnectionManagerConfig::new()
            .set_connection_timeout(Some(patience))
            .set_response_timeout(Some(patience));
        Ok(Self {
            connection: ConnectionManager::new_lazy_with_config(client, config).map_err(wrong)?,
            script: Script::new(SCRIPT),
            patience,
            asked_again: AtomicI64::new(0),
        })
    }

    /// Takes one request; none if Redis does not answer.
    pub(super) async fn charge(
        &self,
        subject: Subject<'_>,
        now: Millis,
    ) -> Option<Result<Option<Left>, Refused>> {
        let answer = self.ask(subject, true, now).await?;
        let left = answer.left();
        let refused = match answer.refused {
            0 => return Some(Ok(left)),
            refused => refused - 1,
        };
        Some(Err(match answer.buckets.get(refused) {
            Some((pace, full)) => {
                let wait = full + pace.interval() / 1000
                    - answer.now
                    - i64::from(pace.burst.max(1)) * pace.interval() / 1000;
                Refused {
                    code: Code::RateLimited,
                    wait: Duration::from_micros(u64::try_from(wait).unwrap_or_default()),
                    left,
                }
            }
            None => used_up(left, now),
        }))
    }

    /// What is left; none if Redis does not answer.
    pub(super) async fn left(&self, subject: Subject<'_>, now: Millis) -> Option<Option<Left>> {
        Some(self.ask(subject, false, now).await?.left())
    }

    async fn ask(&self, subject: Subject<'_>, take: bool, now: Millis) -> Option<Answer> {
        let asked_again = self.asked_again.load(Ordering::Relaxed);
        if now < asked_again {
            return None;
        }
        let rates = subject.rates;
        let metered: Vec<(String, Pace)> = [
            (&*subject.key_id.text(b"key"), subject.key()),
            (subject.workspace_id, subject.account()),
        ]
        .into_iter()
        .filter_map(|(id, metered)| {
            Some((
                format!("latchkey:{{{}}}:rate:{id}", subject.workspace_id),
                metered?.pace,
            ))
        })
        .collect();
        let mut call = self.script.prepare_invoke();
        call.arg(u8::from(take)).arg(metered.len());
        for (name, pace) in &metered {
            let interval = pace.interval() / 1000;
            call.key(name)
                .arg(interval)
                .arg(interval * i64::from(pace.burst.max(1)));
        }
        if let (true, Some(monthly)) = (take, &rates.quota) {
            quota(&mut call, subject.workspace_id, monthly, now);
        }
        let mut connection = self.connection.clone();
        let asked = tokio::time::timeout(self.patience, call.invoke_async(&mut connection)).await;
        let answer: Vec<i64> = match asked {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) => return self.gone(&error, now),
            Err(late) => return self.gone(&late, now),
        };
        if asked_again != 0 && self.asked_again.swap(0, Ordering::Relaxed) != 0 {
            tracing::info!("Redis answers again: limits are shared");
        }
        let [refused, now, full @ ..] = answer.as_slice() else {
            return None;
        };
        Some(Answer {
            refused: usize::try_from(*refused).ok()?,
            now: *now,
            buckets: metered
                .iter()
                .zip(full)
                .map(|((_, pace), full)| (*pace, *full))
                .collect(),
        })
    }

    fn gone(&self, why: &dyn std::fmt::Display, now: Millis) -> Option<Answer> {
        metrics::counter!("latchkey_redis_failures_total").increment(1);
        if self.asked_again.swap(now + PAUSE, Ordering::Relaxed) == 0 {
            tracing::error!(%why, "Redis does not answer: each node limits by itself until it does");
        }
        None
    }
}

fn quota(
    call: &mut redis::ScriptInvocation<'_>,
    workspace_id: &str,
    monthly: &Monthly,
    now: Millis,
) {
    let (begins, ends) = month_of(now);
    call.key(format!("latchkey:{{{workspace_id}}}:quota:{begins}"))
        .arg(monthly.limit)
        .arg(monthly.used.used(now))
        .arg((ends - now) / 1000 + 86_400);
}

/// What Redis said; microseconds.
struct Answer {
    refused: usize,
    now: i64,
    buckets: Vec<(Pace, i64)>,
}

impl Answer {
    fn left(&self) -> Option<Left> {
        self.buckets
            .iter()
            .map(|(pace, full)| bucket::left(*pace, full * 1000, self.now * 1000))
            .fold(None, |one, other| stricter(one, Some(other)))
    }
}

#[cfg(test)]
mod tests {
    use std::{
        net::TcpListener,
        process::{Child, Command, Stdio},
    };

    use super::*;
    use crate::{
        gateway::limit::{Limiter, Rates},
        profiles::LimitCounts,
        server::clock::Id,
    };

    const NOW: Millis = 1_796_040_000_000;

    /// A Redis of the test's own.
    struct Redis {
        process: Child,
        url: String,
        _folder: tempfile::TempDir,
    }

    impl Redis {
        fn start() -> Self {
            let free = TcpListener::bind("127.0.0.1:0").expect("a free port");
            let port = free.local_addr().expect("an address").port();
            drop(free);
            let folder = tempfile::tempdir().expect("a temporary folder");
            let process = Command::new("redis-server")
                .args([
                    "--bind",
                    "127.0.0.1",
                    "--port",
                    &port.to_string(),
                    "--save",
                    "",
                ])
                .current_dir(folder.path())
                .stdout(Stdio::null())
                .spawn()
                .expect("redis-server is installed: `make test` does that");
            while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
                std::thread::yield_now();
            }
            Self {
                process,
                url: format!("redis://127.0.0.1:{port}"),
                _folder: folder,
            }
        }

        fn node(&self) -> Limiter {
            let patience = Duration::from_secs(20);
            Limiter::shared(Shared::patient(&self.url, patience).expect("a sound address"))
        }
    }

    impl Drop for Redis {
        fn drop(&mut self) {
            let _ = self.process.kill();
            let _ = self.process.wait();
        }
    }

    /// So slow that nothing comes free while the test runs.
    const SLOW: Pace = Pace { rate: 1, burst: 40 };

    fn rates(limiter: &Limiter) -> Rates {
        LimitCounts::Account.rates(limiter, Id::from(1), None, Some(SLOW))
    }

    fn subject(rates: &Rates) -> Subject<'_> {
        Subject {
            key_id: Id::from(2),
            workspace_id: "wsp_1",
            bucket: None,
            rates,
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn racing_nodes_never_let_more_through_than_one_would() {
        let redis = Redis::start();
        let nodes = [redis.node(), redis.node()];
        let tasks: Vec<_> = (0..64)
            .map(|i| {
                let node = nodes[i % 2].clone();
                tokio::spawn(async move {
                    let rates = rates(&node);
                    node.charge(subject(&rates), NOW).await.is_ok()
                })
            })
            .collect();
        let mut granted = 0;
        for task in tasks {
            granted += usize::from(task.await.expect("joined"));
        }
        assert_eq!(granted, 40);
        let rates = rates(&nodes[0]);
        let left = nodes[0].left(subject(&rates), NOW).await.expect("limited");
        assert_eq!((left.limit, left.remaining), (1, 0));
        let refused = nodes[1]
            .charge(subject(&rates), NOW)
            .await
            .expect_err("spent");
        assert_eq!(refused.code, Code::RateLimited);
        assert!(refused.wait > Duration::from_secs(50) && refused.wait <= Duration::from_mins(1));
    }

    #[tokio::test]
    async fn a_quota_is_shared_from_where_the_log_says_it_stands() {
        let redis = Redis::start();
        let nodes = [redis.node(), redis.node()];
        for (i, code) in [None, None, Some(Code::UsageExceeded)]
            .into_iter()
            .enumerate()
        {
            let node = &nodes[i % 2];
            let rates = Rates {
                quota: Some(node.count_from("wsp_1", 10, 8, NOW)),
                ..rates(node)
            };
            let outcome = node.charge(subject(&rates), NOW).await;
            assert_eq!(outcome.err().map(|refused| refused.code), code, "{i}");
        }
        let rates = rates(&nodes[0]);
        let left = nodes[0].left(subject(&rates), NOW).await.expect("limited");
        assert_eq!(left.remaining, 38, "a refused quota charges no rate");
    }

    #[tokio::test]
    async fn while_redis_is_gone_each_node_limits_by_itself() {
        let redis = Redis::start();
        let node = redis.node();
        let rates = rates(&node);
        assert!(node.charge(subject(&rates), NOW).await.is_ok());
        drop(redis);
        let mut granted = 0;
        while node.charge(subject(&rates), NOW).await.is_ok() {
            granted += 1;
        }
        assert_eq!(granted, 40);
    }
}
