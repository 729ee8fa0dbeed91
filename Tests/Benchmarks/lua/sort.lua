local function sort(xs, low, high)
  while low < high do
    local pivot = xs[math.floor((low + high) / 2)]
    local i, j = low, high
    while i <= j do
      while xs[i] < pivot do i = i + 1 end
      while xs[j] > pivot do j = j - 1 end
      if i <= j then
        xs[i], xs[j] = xs[j], xs[i]
        i = i + 1
        j = j - 1
      end
    end
    sort(xs, low, j)
    low = i
  end
end
local function run(n)
  local xs = {}
  local x = 1
  for i = 1, n do
    x = x * 16807 % 2147483647
    xs[i] = x
  end
  sort(xs, 1, n)
  local check = 0
  for i = 2, n do
    if xs[i - 1] > xs[i] then return "not sorted" end
    check = (check * 31 + xs[i]) % 1000003
  end
  return check
end
print(run(1000000))
