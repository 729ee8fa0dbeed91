local function run(n)
  local length = 0
  for i = 0, n - 1 do
    local s = "item " .. i % 1000 .. ", again " .. i % 10
    length = length + #s
  end
  local text = ""
  for i = 0, 20000 - 1 do text = text .. "x" end
  return length + #text
end
print(run(2000000))
