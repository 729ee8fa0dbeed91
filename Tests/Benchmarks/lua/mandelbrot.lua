local function run(size)
  local inside = 0
  for py = 0, size - 1 do
    local y0 = 2 * py / size - 1
    for px = 0, size - 1 do
      local x0 = 2 * px / size - 1.5
      local x, y, n = 0.0, 0.0, 0
      while n < 50 and x * x + y * y <= 4 do
        local t = x * x - y * y + x0
        y = 2 * x * y + y0
        x = t
        n = n + 1
      end
      if n == 50 then inside = inside + 1 end
    end
  end
  return inside
end
print(run(1000))
