local function counter()
  local n = 0
  return function()
    n = n + 1
    return n
  end
end
local function adder(a)
  return function(b) return a + b end
end
local function run(n)
  local sum = 0
  for i = 0, n - 1 do
    local next = counter()
    next()
    sum = sum + next() + adder(i)(1)
  end
  return sum
end
print(run(3000000))
