local Toggle = {}
Toggle.__index = Toggle
function Toggle.new(state) return setmetatable({ state = state }, Toggle) end
function Toggle:value() return self.state end
function Toggle:activate()
  self.state = not self.state
  return self
end

local NthToggle = setmetatable({}, { __index = Toggle })
NthToggle.__index = NthToggle
function NthToggle.new(state, limit)
  return setmetatable({ state = state, limit = limit, counter = 0 }, NthToggle)
end
function NthToggle:activate()
  self.counter = self.counter + 1
  if self.counter >= self.limit then
    Toggle.activate(self)
    self.counter = 0
  end
  return self
end

local function run(n)
  local count = 0
  local toggle = Toggle.new(true)
  for _ = 1, n do
    if toggle:activate():value() then count = count + 1 end
  end
  local nth = NthToggle.new(true, 3)
  for _ = 1, n do
    if nth:activate():value() then count = count + 1 end
  end
  return count
end
print(run(3000000))
