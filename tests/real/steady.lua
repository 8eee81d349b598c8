-- wrk without a pause answers each refusal with the next request, and a two-core machine does nothing else.
-- Here each connection pauses between its requests, as callers do: so many milliseconds in the mean, the first argument after
-- `--`, or 20. At the end: answers by status, in one line.
local threads = {}
function setup(thread) table.insert(threads, thread) end
function init(arguments)
  pause = tonumber(arguments[1]) or 20
  answered_200, answered_503, answered_other = 0, 0, 0
end
function delay() return math.random(math.floor(pause / 2), math.floor(pause * 1.5)) end
function response(status)
  if status == 200 then answered_200 = answered_200 + 1
  elseif status == 503 then answered_503 = answered_503 + 1
  else answered_other = answered_other + 1 end
end
function done(summary)
  local function sum(name)
    local total = 0
    for _, thread in ipairs(threads) do total = total + thread:get(name) end
    return total
  end
  local errors = summary.errors
  print(string.format("answers: 200=%d 503=%d other=%d lost=%d", sum("answered_200"), sum("answered_503"), sum("answered_other"),
    errors.connect + errors.read + errors.write + errors.timeout))
end
