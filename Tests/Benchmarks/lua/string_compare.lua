local function texts(n)
  local all = {}
  for i = 0, n - 1 do all[i] = "the text of the entry number " .. tostring(i % 500) end
  return all
end
local function run(turns)
  local some = texts(1000)
  local others = texts(1000)
  local equal = 0
  for turn = 0, turns - 1 do
    local j = turn % 7
    for i = 0, 1000 - 1 do
      if some[i] == others[j] then equal = equal + 1 end
      if some[i] == others[i] then equal = equal + 1 end
      if some[i] == some[j] then equal = equal + 1 end
      j = j + 1
      if j == 1000 then j = 0 end
    end
  end
  return equal
end
print(run(5000))
