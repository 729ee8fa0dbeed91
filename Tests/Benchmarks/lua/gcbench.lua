local function node(left, right) return { left = left, right = right, i = 0, j = 0 } end
local function populate(depth, n)
  if depth <= 0 then return end
  n.left = node(nil, nil)
  n.right = node(nil, nil)
  populate(depth - 1, n.left)
  populate(depth - 1, n.right)
end
local function make(depth)
  if depth <= 0 then return node(nil, nil) end
  return node(make(depth - 1), make(depth - 1))
end
local function size(depth) return 2 ^ (depth + 1) - 1 end
local function count(n)
  if n == nil then return 0 end
  return 1 + count(n.left) + count(n.right)
end
local function construct(depth, total)
  local rounds = 2 * total / size(depth)
  local made = 0
  local i = 0
  while i < rounds do
    local top = node(nil, nil)
    populate(depth, top)
    made = made + count(top)
    made = made + count(make(depth))
    i = i + 1
  end
  return made
end
local function run(longDepth)
  local long = make(longDepth)
  local array = {}
  for i = 1, 100000 do array[i] = 1 / i end
  local made = 0
  for depth = 4, longDepth, 4 do made = made + construct(depth, size(longDepth)) end
  return made + count(long) + #array
end
print(run(16))
