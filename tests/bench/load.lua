-- Sends the requests of a file one after the other, round and round, and looks at every answer.
-- Arguments: the file (requests, each ended by a zero byte), how many of them to pass over at first, the status, and what
-- each answer says: either so many times in its body, or as the value of a header.

local threads = {}

function setup(thread)
  threads[#threads + 1] = thread
end

function init(arguments)
  local file = assert(io.open(arguments[1], "rb"))
  requests, position, wrong = {}, tonumber(arguments[2]), 0
  for text in file:read("*a"):gmatch("([^%z]+)%z") do
    requests[#requests + 1] = text
  end
  file:close()
  expected, said, times, header = tonumber(arguments[3]), arguments[4], tonumber(arguments[5]), arguments[6]
end

function request()
  position = position % #requests + 1
  return requests[position]
end

local function count(text)
  local found, from = 0, 1
  while true do
    local _, last = text:find(said, from, true)
    if not last then
      return found
    end
    found, from = found + 1, last + 1
  end
end

function response(status, headers, body)
  local is_right = status == expected
  if header then
    is_right = is_right and headers[header] == said
  else
    is_right = is_right and count(body) == times
  end
  if not is_right then
    wrong = wrong + 1
  end
end

function done(summary, latency)
  local mistaken, errors = 0, summary.errors
  for _, thread in ipairs(threads) do
    mistaken = mistaken + thread:get("wrong")
  end
  local failed = errors.connect + errors.read + errors.write + errors.timeout
  io.stdout:write(string.format(
    '\n{"answers": %d, "seconds": %.6f, "p50": %.3f, "p99": %.3f, "wrong": %d, "failed": %d}\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3, mistaken, failed
  ))
end
