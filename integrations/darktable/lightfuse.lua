--[[
Fuses the selected pictures, exposures of one scene, by LightFuse.

Copyright (C) 2026 The LightFuse authors

This program is free software; you can redistribute it and/or modify it under the terms of the GNU General Public
License as published by the Free Software Foundation; either version 2 of the License, or (at your option) any later
version. It is distributed in the hope that it will be useful, but WITHOUT ANY WARRANTY; without even the implied
warranty of MERCHANTABILITY or FITNESS FOR A PARTICULAR PURPOSE. See the file LICENSE beside this one.

INSTALLATION: copy this file to ~/.config/darktable/lua/ and add to ~/.config/darktable/luarc:  require "lightfuse"
The command lightfuse must be in PATH; another one can be set in the preferences, Lua options.

USE: in the lighttable select the exposures of one scene and press "fuse" in the module "LightFuse". Each is exported
with its edit as a 16-bit TIFF; the fused picture appears beside the first one, grouped with the exposures and tagged.
]]

local dt = require "darktable"

local NAME, TAG = "lightfuse", "lightfuse|fused"
local WINDOWS = dt.configuration.running_os == "windows"
local SEPARATOR = WINDOWS and "\\" or "/"
local NONE = "none"

-- What can be chosen: the first of each is the default. HDR is the suffix of a second picture.
local CHOICES = {
  { name = "model", values = { "base", "small", "paper" }, tooltip = "the network" },
  { name = "look", values = { "natural", "bright", "vivid" }, tooltip = "a small adjustment of tones after fusing" },
  { name = "align", values = { "auto", "off", "always" }, tooltip = "align hand-held exposures" },
  { name = "deghost", values = { "auto", "off", "always" }, tooltip = "remove what moved between the exposures" },
  { name = "hdr", values = { NONE, "dng", "avif", "jpg", "jxl", "exr" }, tooltip = "an HDR picture besides" },
}

local M = {}

-- Words as one argument of a shell's command.
function M.quoted(words)
  if WINDOWS then return '"' .. words .. '"' end
  return "'" .. words:gsub("'", "'\\''") .. "'"
end

-- The command that fuses files into output, with settings by the names of CHOICES.
function M.command(program, settings, files, output)
  local parts = { program, "fuse", "--quiet" }
  for _, choice in ipairs(CHOICES) do
    local value = settings[choice.name] or choice.values[1]
    if choice.name ~= "hdr" then
      parts[#parts + 1] = "--" .. choice.name .. " " .. value
    elseif value ~= NONE then
      parts[#parts + 1] = "--hdr " .. M.quoted((output:gsub("%.tif$", "-hdr." .. value)))
    end
  end
  parts[#parts + 1] = "--bit-depth 16 -o " .. M.quoted(output) .. " --"
  for _, file in ipairs(files) do parts[#parts + 1] = M.quoted(file) end
  return table.concat(parts, " ")
end

local function exists(path)
  local file = io.open(path, "rb")
  if file then file:close() end
  return file ~= nil
end

-- A name beside the first exposure that no file has: IMG_1-fused.tif, IMG_1-fused-2.tif …
function M.free_name(folder, filename)
  local stem = folder .. SEPARATOR .. filename:gsub("%.[^.]*$", "") .. "-fused"
  local path, number = stem .. ".tif", 1
  while exists(path) do
    number = number + 1
    path = stem .. "-" .. number .. ".tif"
  end
  return path
end

local function exported(images, report)
  local format = dt.new_format("tiff")
  format.bpp, format.max_width, format.max_height = 16, 0, 0
  local files = {}
  for number, image in ipairs(images) do
    report((number - 1) / (#images + 1))
    local path = os.tmpname()
    if WINDOWS then path = dt.configuration.tmp_dir .. path end
    os.remove(path)
    files[number] = path .. "-" .. number .. ".tif"
    format:write_image(image, files[number], false)
  end
  return files
end

-- Fuses darktable's images; returns the imported result, or nil and a message. report takes the share that is done.
function M.fuse(images, settings, report)
  report = report or function() end
  if #images < 2 then return nil, "select two or more exposures of one scene" end
  table.sort(images, function(a, b) return a.filename < b.filename end)
  local first = images[1]
  local output = M.free_name(first.path, first.filename)
  local files = exported(images, report)
  report(#images / (#images + 1))
  local program = dt.preferences.read(NAME, "program", "string")
  local code = dt.control.execute(M.command(program ~= "" and program or "lightfuse", settings, files, output))
  for _, file in ipairs(files) do os.remove(file) end
  if code ~= 0 or not exists(output) then return nil, "lightfuse failed; see the terminal" end
  local fused = dt.database.import(output)
  local leader = first.group_leader or first
  fused:group_with(leader)
  for _, image in ipairs(images) do
    if image.id ~= leader.id then image:group_with(leader) end  -- Grouped with itself it would leave its group.
  end
  dt.tags.attach(dt.tags.create(TAG), fused)
  return fused
end

local function module()
  local widgets = {}
  for _, choice in ipairs(CHOICES) do
    local selected = dt.preferences.read(NAME, choice.name, "integer")
    if selected < 1 or selected > #choice.values then selected = 1 end
    choice.widget = dt.new_widget("combobox") {
      label = choice.name, tooltip = choice.tooltip, selected = selected,
      changed_callback = function(self) dt.preferences.write(NAME, choice.name, "integer", self.selected) end,
      table.unpack(choice.values),
    }
    widgets[#widgets + 1] = choice.widget
  end
  widgets[#widgets + 1] = dt.new_widget("button") {
    label = "fuse", tooltip = "fuse the selected exposures into one picture",
    clicked_callback = function()
      local settings, images = {}, {}
      for _, choice in ipairs(CHOICES) do settings[choice.name] = choice.widget.value end
      for number, image in ipairs(dt.gui.action_images) do images[number] = image end
      local job = dt.gui.create_job("fusing by LightFuse", true)
      local done, fused, message = pcall(M.fuse, images, settings, function(share) job.percent = share end)
      job.valid = false
      if not done then fused, message = nil, tostring(fused) end
      dt.print(fused and ("fused: " .. fused.filename) or ("LightFuse: " .. message))
    end,
  }
  dt.register_lib(NAME, "LightFuse", true, false, {
    [dt.gui.views.lighttable] = { "DT_UI_CONTAINER_PANEL_RIGHT_CENTER", 100 },
  }, dt.new_widget("box") { orientation = "vertical", table.unpack(widgets) })
end

dt.preferences.register(NAME, "program", "string", "LightFuse: command", "the command that runs LightFuse", "lightfuse")
if dt.configuration.has_gui then module() end

return M
