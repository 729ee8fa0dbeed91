local function run(n)
  local p = { x = 0, y = 0, vx = 1, vy = 2 }
  for _ = 1, n do
    p.x = p.x + p.vx
    p.y = p.y + p.vy
    if p.x > 100 then p.vx = -1 end
    if p.x < 0 then p.vx = 1 end
    if p.y > 100 then p.vy = -2 end
    if p.y < 0 then p.vy = 2 end
  end
  return p.x * 1000 + p.y
end
print(run(10000000))
