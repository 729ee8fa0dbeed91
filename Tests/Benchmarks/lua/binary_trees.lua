local Tree = {}
Tree.__index = Tree
function Tree.new(left, right) return setmetatable({ left = left, right = right }, Tree) end
function Tree:check()
  if self.left == nil then return 1 end
  return 1 + self.left:check() + self.right:check()
end
local function build(depth)
  if depth == 0 then return Tree.new(nil, nil) end
  return Tree.new(build(depth - 1), build(depth - 1))
end
local function run(depth)
  local long = build(depth)
  local total = 0
  for d = 4, depth, 4 do
    for _ = 1, 2 ^ (depth - d) do total = total + build(d):check() end
  end
  return total + long:check()
end
print(run(18))
