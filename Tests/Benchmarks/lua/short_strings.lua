local function run(n)
  local ring = {}
  for i = 0, 1000 - 1 do ring[i] = "" end
  local length = 0
  local slot = 0
  for i = 0, n - 1 do
    length = length + #ring[slot]
    ring[slot] = tostring(i % 100000)
    slot = slot + 1
    if slot == 1000 then slot = 0 end
  end
  return length
end
print(run(5000000))
