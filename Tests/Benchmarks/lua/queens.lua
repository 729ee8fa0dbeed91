local size = 12
local function solve(row, columns, up, down)
  if row == size then return 1 end
  local found = 0
  for c = 0, size - 1 do
    if not columns[c + 1] and not up[row + c + 1] and not down[row - c + size] then
      columns[c + 1] = true
      up[row + c + 1] = true
      down[row - c + size] = true
      found = found + solve(row + 1, columns, up, down)
      columns[c + 1] = false
      up[row + c + 1] = false
      down[row - c + size] = false
    end
  end
  return found
end
local function empty(n)
  local xs = {}
  for i = 1, n do xs[i] = false end
  return xs
end
print(solve(0, empty(size), empty(size * 2), empty(size * 2)))
