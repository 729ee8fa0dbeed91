local function body(x, y, z, vx, vy, vz, mass)
  return { x = x, y = y, z = z, vx = vx, vy = vy, vz = vz, mass = mass }
end
-- Newton's method as in the other language, rather than math.sqrt: the same work on both sides.
local function root(a)
  local x = a
  if x < 1 then x = 1 end
  for _ = 1, 12 do x = (x + a / x) / 2 end
  return x
end
local function advance(bodies, count, dt)
  for i = 1, count do
    local a = bodies[i]
    for j = i + 1, count do
      local b = bodies[j]
      local dx = a.x - b.x
      local dy = a.y - b.y
      local dz = a.z - b.z
      local square = dx * dx + dy * dy + dz * dz
      local pull = dt / (square * root(square))
      a.vx = a.vx - dx * b.mass * pull
      a.vy = a.vy - dy * b.mass * pull
      a.vz = a.vz - dz * b.mass * pull
      b.vx = b.vx + dx * a.mass * pull
      b.vy = b.vy + dy * a.mass * pull
      b.vz = b.vz + dz * a.mass * pull
    end
  end
  for i = 1, count do
    local a = bodies[i]
    a.x = a.x + dt * a.vx
    a.y = a.y + dt * a.vy
    a.z = a.z + dt * a.vz
  end
end
local bodies = {
  body(0, 0, 0, 0, 0, 0, 39.5),
  body(4.8, -1.2, -0.1, 0.6, 2.8, -0.02, 0.037),
  body(8.3, 4.1, -0.4, -1.0, 1.8, 0.008, 0.011),
  body(12.9, -15.1, -0.2, 1.1, 0.9, -0.01, 0.0017),
  body(15.4, -25.9, 0.2, 0.98, 0.6, -0.03, 0.002),
}
for _ = 1, 120000 do advance(bodies, 5, 0.001) end
local x = bodies[1].x * 1000000000
print(string.format("%d", x - math.fmod(x, 1)))
