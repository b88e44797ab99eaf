-- What wrk sends: requests from the file $LOAD_FILE, whole and with a NUL after each. $LOAD_ORDER is random, or once: from
-- the first to the last. What came of it is written as JSON to $LOAD_REPORT.
local requests = {}
local once = os.getenv("LOAD_ORDER") == "once"
local file = assert(io.open(os.getenv("LOAD_FILE"), "rb"))
for one in file:read("*a"):gmatch("[^%z]+") do
  requests[#requests + 1] = one
end
file:close()

local random, count, at = math.random, #requests, 0
if once then
  function request()
    at = at + 1
    -- wrk asks for one before it begins, and may ask for one that is never sent.
    return requests[(at - 1) % count + 1]
  end
else
  math.randomseed(4242)
  function request()
    return requests[random(count)]
  end
end

function done(summary, latency)
  local errors = summary.errors
  local out = assert(io.open(os.getenv("LOAD_REPORT"), "w"))
  out:write(string.format(
    '{"requests":%d,"us":%d,"refused":%d,"broken":%d,"p50":%d,"p99":%d}',
    summary.requests, summary.duration, errors.status,
    errors.connect + errors.read + errors.write + errors.timeout,
    latency:percentile(50), latency:percentile(99)))
  out:close()
end
