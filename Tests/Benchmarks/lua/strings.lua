local function run(n)
  local equal = 0
  local length = 0
  local previous = ""
  for i = 0, n - 1 do
    local s = "item " .. i % 1000 .. ", again " .. i % 10
    length = length + #s
    if s == previous then equal = equal + 1 end
    if s == "item 7, again 7" then equal = equal + 1 end
    previous = s
  end
  local text = ""
  for _ = 1, 20000 do text = text .. "x" end
  return length + equal + #text
end
print(run(2000000))
