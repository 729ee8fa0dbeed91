-- The twin of turns.lox. os.clock is processor time, which on one thread leaves out only what others took.
local function node(left, right) return { left = left, right = right } end
local function build(depth)
  if depth == 0 then return node(nil, nil) end
  return node(build(depth - 1), build(depth - 1))
end
local depth = 20
local turns = 10000
local tree = build(depth)
local ring = {}
for i = 1, 256 do ring[i] = false end
local random = 1

local function turn()
  local slot = 1
  for i = 1, 1000 do
    ring[slot] = node(nil, nil)
    slot = slot + 1
    if slot == 257 then slot = 1 end
  end
  random = random * 16807 % 2147483647
  local path = random
  local at = tree
  for level = 1, depth - 1 do
    if path % 2 == 0 then at = at.left else at = at.right end
    path = path // 2
  end
  if path % 2 == 0 then at.left = ring[232] else at.right = ring[232] end
end
local times = {}
local start = os.clock()
for i = 1, turns do
  turn()
  local finish = os.clock()
  times[i] = (finish - start) * 1e6
  start = finish
end
table.sort(times)
print("turn.p50 " .. times[turns // 2])
print("turn.p99 " .. times[turns * 99 // 100])
print("turn.p99.9 " .. times[turns * 999 // 1000])
print("turn.max " .. times[turns])
