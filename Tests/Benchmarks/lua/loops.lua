local function run(n)
  local sum = 0
  for i = 0, n - 1 do
    for j = 0, 999 do
      sum = sum + i * j % 7
    end
  end
  return sum
end
print(run(60000))
