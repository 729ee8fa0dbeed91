local function run(n, distinct)
  local counts = {}
  local x = 1
  for _ = 1, n do
    x = x * 16807 % 2147483647
    local key = x % distinct * 7919 + 0.5
    local old = counts[key]
    if old == nil then counts[key] = 1 else counts[key] = old + 1 end
  end
  local most = 0
  for _, v in pairs(counts) do if v > most then most = v end end
  return most
end
print(run(6000000, 100003))
